import { expect, test } from "bun:test";
import type { ReplicaRecord } from "../domain/records.ts";
import { restartNext } from "./rolling-restart.ts";

const replica = (id: string, createdAt: number, state: ReplicaRecord["state"] = "running") =>
  ({ id, createdAt, state, process: "web", environmentId: "env_1" }) as ReplicaRecord;

const retired = async (replicas: ReplicaRecord[], askedAt: number | null = 10): Promise<string[]> => {
  const gone: string[] = [];
  const restarts = askedAt === null ? [] : [{ environmentId: "env_1", askedAt }];
  await restartNext(
    { store: { rollingRestarts: async () => restarts } as never },
    { retire: (rows) => void gone.push(...rows.map(({ id }) => id)) },
    { id: "env_1" },
    replicas,
  );
  return gone;
};

test("one old replica goes at a time, and only while all others run", async () => {
  expect(await retired([replica("a", 1), replica("b", 2), replica("c", 3)])).toEqual(["a"]);
  expect(await retired([replica("a", 1), replica("n", 11, "starting")])).toEqual([]);
  expect(await retired([replica("a", 1), replica("n", 11)])).toEqual(["a"]);
  expect(await retired([replica("m", 12), replica("n", 11)])).toEqual([]);
  expect(await retired([replica("a", 1), replica("b", 2)], null)).toEqual([]);
});

test("what is down anyway is replaced first", async () => {
  expect(await retired([replica("a", 1), replica("b", 2, "exited")])).toEqual(["b"]);
  expect(await retired([replica("a", 1, "exited"), replica("b", 2, "exited")])).toEqual(["a"]);
  expect(await retired([replica("a", 1, "exited"), replica("n", 11, "starting")])).toEqual(["a"]);
});
