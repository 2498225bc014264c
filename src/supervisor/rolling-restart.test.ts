import { expect, test } from "bun:test";
import type { ReplicaRecord } from "../domain/records.ts";
import { restartNext } from "./rolling-restart.ts";

const replica = (id: string, createdAt: number, state: ReplicaRecord["state"] = "running") =>
  ({ id, createdAt, state, process: "web", environmentId: "env_1" }) as ReplicaRecord;

const retired = (replicas: ReplicaRecord[]): string[] => {
  const gone: string[] = [];
  restartNext({ retire: (rows) => void gone.push(...rows.map(({ id }) => id)) }, 10, replicas);
  return gone;
};

test("one old replica goes at a time, and only while all others run", () => {
  expect(retired([replica("a", 1), replica("b", 2), replica("c", 3)])).toEqual(["a"]);
  expect(retired([replica("a", 1), replica("n", 11, "starting")])).toEqual([]);
  expect(retired([replica("a", 1), replica("n", 11)])).toEqual(["a"]);
  expect(retired([replica("m", 12), replica("n", 11)])).toEqual([]);
});

test("what is down anyway is replaced first", () => {
  expect(retired([replica("a", 1), replica("b", 2, "exited")])).toEqual(["b"]);
  expect(retired([replica("a", 1, "exited"), replica("b", 2, "exited")])).toEqual(["a"]);
  expect(retired([replica("a", 1, "exited"), replica("n", 11, "starting")])).toEqual(["a"]);
});
