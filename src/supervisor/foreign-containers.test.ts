import { expect, test } from "bun:test";
import type { ReplicaState } from "../domain/engine.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { sortOut } from "./foreign-containers.ts";

const row = (id: string, containerId: string | null, state = "running") =>
  ({ id, containerId, state, environmentId: "env_1" }) as ReplicaRecord;
const container = (replicaId: string, containerId: string) => ({ replicaId, containerId }) as ReplicaState;

test("only the container that a replica's row knows is the replica", async () => {
  const removed = [row("rep_gone", "c3", "removed"), row("rep_taken", "c4", "removed")];
  const sorted = await sortOut(
    { store: { replicaById: async (id) => removed.find((one) => one.id === id) } },
    [{ id: "env_1", slug: "blog", name: "production" }],
    [row("rep_own", "c1"), row("rep_copied", "c2"), row("rep_unwritten", null)],
    [
      container("rep_own", "c1"),
      container("rep_copied", "other"),
      container("rep_unwritten", "c5"),
      container("rep_gone", "c3"),
      container("rep_taken", "another"),
      container("rep_of_others", "c6"),
    ],
  );
  expect([...sorted.own.keys()]).toEqual(["rep_own", "rep_unwritten"]);
  expect(sorted.strays).toEqual(["rep_gone"]);
  expect(sorted.impostors).toEqual([
    { containerId: "other", name: "croft-rep_copied", site: "blog", environment: "production" },
    { containerId: "another", name: "croft-rep_taken", site: "blog", environment: "production" },
  ]);
});
