import { afterAll, beforeAll, expect, test } from "bun:test";
import { createStore, type Store } from "../../db/store.ts";
import { systemClock } from "../../domain/clock.ts";
import { silentLog } from "../../domain/log.ts";
import { AppError } from "../../errors.ts";
import { seedDeployment } from "../../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import { openJournal } from "../journal.ts";
import { createNotifier } from "../notifier.ts";
import { publishRelease } from "./publish.ts";

let database: TemporaryDatabase;
let store: Store;
let id: string;
beforeAll(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  id = (await seedDeployment(store)).id;
});
afterAll(() => database.close());

const notifier = createNotifier();
/** One attempt, as recovery makes it: from what the database holds. */
const attempt = async (publishRoutes: (signal: AbortSignal) => Promise<void>, signal: AbortSignal) => {
  const deployment = (await store.deploymentById(id))!;
  const journal = await openJournal({ store, clock: systemClock, log: silentLog, notifier }, deployment, []);
  const edgeProblem = () => "routes: too many";
  await publishRelease(
    { store, log: silentLog, notifier, publishRoutes, edgeProblem },
    { deployment, journal, signal },
    { number: 3 },
  ).finally(journal.flush);
};
const refused = () => Promise.reject(new AppError("unavailable", "the edge does not take it"));
const running = new AbortController().signal;
const errorOf = async () => (await store.deploymentById(id))!.errorMessage;

test("a daemon that stops leaves no word about the edge, and does not wait for it", async () => {
  const ends = new AbortController();
  const waiting = attempt(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new AppError("unavailable", "stopped")));
        ends.abort("shutdown");
      }),
    ends.signal,
  );
  await expect(waiting).rejects.toThrow("stopped");
  expect(await errorOf()).toBeNull();
  expect(await store.logAfter(id, 0, 10)).toEqual([]);
});

test("a refusal is the deployment's error at once, is said once, and goes away with the table that is taken", async () => {
  await expect(attempt(refused, running)).rejects.toThrow("does not take it");
  expect(await errorOf()).toStartWith("release 3 is committed but not live yet");
  expect(await errorOf()).toContain("(routes: too many)");
  // It was cancelled too late: it is tried again all the same.
  await expect(attempt(refused, AbortSignal.abort("cancelled"))).rejects.toThrow("does not take it");
  expect(await errorOf()).not.toBeNull();
  const lines = await store.logAfter(id, 0, 10);
  expect(lines.map(({ message }) => message)).toEqual([(await errorOf())!]);
  await attempt(() => Promise.resolve(), running);
  expect(await errorOf()).toBeNull();
});
