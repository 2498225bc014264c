import { afterAll, beforeAll, expect, test } from "bun:test";
import { createStore, type Store } from "../db/store.ts";
import { systemClock } from "../domain/clock.ts";
import { silentLog } from "../domain/log.ts";
import type { DeploymentRecord } from "../domain/records.ts";
import { AppError } from "../errors.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import { seedDeployment } from "../testing/seed.ts";
import { openJournal } from "./journal.ts";
import { createNotifier } from "./notifier.ts";

let database: TemporaryDatabase;
let store: Store;
let deployment: DeploymentRecord;
const notifier = createNotifier();
const open = (secrets: string[] = []) =>
  openJournal({ store, clock: systemClock, log: silentLog, notifier }, deployment, secrets);

beforeAll(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  deployment = await seedDeployment(store);
});
afterAll(() => database.close());

test("lines keep their order, and a journal opened again goes on counting", async () => {
  const first = await open();
  for (let i = 1; i <= 300; i++) first.write("build", `line ${i}`);
  await first.flush();
  const second = await open();
  second.write("build", "two\nat once");
  await second.flush();
  const rows = await store.logAfter(deployment.id, 0, 1000);
  expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: 302 }, (_, i) => i + 1));
  expect(rows.slice(299).map((row) => row.message)).toEqual(["line 300", "two", "at once"]);
});

test("secrets are masked, also in why a step failed", async () => {
  const journal = await open(["hunter22"]);
  journal.write("build", "a hunter22 b");
  const failing = journal.step("probe", () => {
    throw new AppError("deploy_failed", "it answered: hunter22");
  });
  await expect(failing).rejects.toThrow("hunter22");
  await journal.flush();
  expect((await store.logTail(deployment.id, 1))[0]!.message).toBe("a ******** b");
  const steps = await store.stepsOf(deployment.id, deployment.attempts);
  expect(steps.find((step) => step.name === "probe")!.error).toBe("it answered: ********");
  expect(journal.mask("hunter22")).toBe("********");
});

test("followers hear of new lines after they are readable", async () => {
  const journal = await open();
  const heard = new Promise<number>((resolve) => {
    const unsubscribe = notifier.subscribe(deployment.id, () => {
      unsubscribe();
      void store.lastLogSeq(deployment.id).then(resolve);
    });
  });
  const before = await store.lastLogSeq(deployment.id);
  journal.write("deploy", "news");
  expect(await heard).toBe(before + 1);
});

test("a step is there before it acts, and keeps why it failed", async () => {
  const journal = await open();
  let seen = 0;
  const failing = journal.step("probe", async () => {
    seen = (await store.stepsOf(deployment.id, deployment.attempts)).length;
    throw new AppError("deploy_failed", "no answer", { cause: new Error("inside") });
  });
  await expect(failing).rejects.toThrow("no answer");
  expect(seen).toBe(1);
  const [step] = await store.stepsOf(deployment.id, deployment.attempts);
  expect(step).toMatchObject({ name: "probe", error: "no answer" });
  expect(step!.endedAt).not.toBeNull();
});

test("a build that prints without end fills neither lines nor bytes; what Croft itself says is kept", async () => {
  const own = await seedDeployment(store);
  const journal = await openJournal({ store, clock: systemClock, log: silentLog, notifier }, own, []);
  for (let i = 0; i < 5000; i++) journal.write("build", "x".repeat(10_000));
  journal.write("orchestrator", "failed: it printed too much");
  await journal.flush();
  const [{ chars }] = database.raw
    .query("SELECT sum(length(message)) AS chars FROM deployment_logs WHERE deployment_id = ?")
    .all(own.id) as [{ chars: number }];
  expect(chars).toBeLessThan(4_010_000);
  const [note, last] = await store.logTail(own.id, 2);
  expect(note!.message).toContain("further lines are not kept");
  expect(last!.message).toBe("failed: it printed too much");
  expect(journal.mask("y".repeat(1_000_000)).length).toBe(4000);
});
