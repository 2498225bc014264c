import { expect, test } from "bun:test";
import { linkNameSchema, linkVariables } from "./link.ts";
import {
  desiredProcesses,
  type ProcessRecord,
  processesToFreeze,
  processNameSchema,
  type ReleaseProcess,
} from "./process.ts";
import type { ReleaseConfig } from "./release.ts";

const environment = { replicas: 2, memoryBytes: 512, cpuMillicores: 500, pids: 256 };
const worker: ReleaseProcess = {
  name: "worker",
  command: "node worker.js",
  port: null,
  replicas: 1,
  limits: { memoryBytes: 64 },
};
const config = (change: Partial<ReleaseConfig>): ReleaseConfig => ({
  kind: "container",
  imageId: "sha256:1",
  port: 3000,
  startCommand: null,
  healthCheck: { type: "http", path: "/", intervalSeconds: 1, deadlineSeconds: 60, timeoutSeconds: 5 },
  ...change,
});
const set = (name: string, change: Partial<ProcessRecord>): ProcessRecord => ({
  ...{ environmentId: "env_1", name, command: null, port: null, replicas: null },
  ...{ memoryBytes: null, cpuMillicores: null, pids: null, updatedAt: 0 },
  ...change,
});

test("a process has what people set of it, then what its release says, then the environment's", () => {
  const of = (settings: ProcessRecord[]) =>
    desiredProcesses(config({ processes: [worker] }), environment, settings).map(
      ({ name, replicas, limits }) => ({
        name,
        replicas,
        memoryBytes: limits.memoryBytes,
        pids: limits.pids,
      }),
    );
  const web = { name: "web", replicas: 2, memoryBytes: 512, pids: 256 };
  expect(of([])).toEqual([web, { name: "worker", replicas: 1, memoryBytes: 64, pids: 256 }]);
  expect(of([set("worker", { replicas: 0, pids: 8 }), set("other", { replicas: 9 })])).toEqual([
    web,
    { name: "worker", replicas: 0, memoryBytes: 64, pids: 8 },
  ]);
});

test("what was released before there were processes has web alone, static files none", () => {
  const names = (change: Partial<ReleaseConfig>) =>
    desiredProcesses(config(change), environment, []).map(({ name }) => name);
  expect(names({})).toEqual(["web"]);
  expect(names({ kind: "static" })).toEqual([]);
  expect(names({ hasWeb: false, processes: [worker] })).toEqual(["worker"]);
});

test("a release freezes what its source names and what people named, whose command goes first", () => {
  const frozen = processesToFreeze(
    [worker],
    [
      set("worker", { command: "node better.js", replicas: 4 }),
      set("clock", { command: "date", port: 80 }),
      // Of a process that is not there any more: nothing to run.
      set("gone", { replicas: 2 }),
    ],
  );
  expect(frozen).toEqual([
    { ...worker, command: "node better.js" },
    { name: "clock", command: "date", port: 80, replicas: 1, limits: {} },
  ]);
});

test("names are host names, and nothing that a shell or a variable could read otherwise", () => {
  for (const name of ["web", "worker", "a", "mail_out", "q-2"])
    expect(processNameSchema.safeParse(name).success, name).toBe(true);
  for (const name of ["", "Web", "-a", "a-", "2q", "a b", "a.b", "$(id)", "a\nb", "a".repeat(31)])
    expect(processNameSchema.safeParse(name).success, name).toBe(false);
  for (const name of ["", "localhost", "a.b", "a_b", "A", "1a", "a=b", "a\n", "a".repeat(41)])
    expect(linkNameSchema.safeParse(name).success, name).toBe(false);
});

test("a link's variables tell where the other is, as far as it is known", () => {
  expect(linkVariables("my-db", { port: 5432, http: false })).toEqual({
    MY_DB_HOST: "my-db",
    MY_DB_PORT: "5432",
    MY_DB_URL: "tcp://my-db:5432",
  });
  expect(linkVariables("api", { port: 80, http: true }).API_URL).toBe("http://api:80");
  expect(linkVariables("api", null)).toEqual({ API_HOST: "api" });
});
