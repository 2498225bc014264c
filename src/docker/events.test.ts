import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { systemClock } from "../domain/clock.ts";
import type { EngineEvent, NetworkRef } from "../domain/engine.ts";
import { silentLog } from "../domain/log.ts";
import {
  type DockerFixture,
  dockerApi,
  dockerFixture,
  dockerHost,
  eventually,
  folderOf,
} from "../testing/docker-fixture.ts";
import { createDockerEngine } from "./docker-engine.ts";
import { parseEvent } from "./events.ts";

setDefaultTimeout(60_000);

/** A socket of our own in front of the real engine, to be cut and opened again. */
const gateTo = (dockerPath: string, path: string) => {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  return {
    open: () =>
      new Promise<void>((resolve) => {
        server = createServer((client) => {
          const engine = connect(dockerPath);
          for (const socket of [client, engine]) {
            sockets.add(socket);
            socket.on("error", () => {});
            socket.on("close", () => {
              sockets.delete(socket);
              client.destroy();
              engine.destroy();
            });
          }
          client.pipe(engine);
          engine.pipe(client);
        }).listen(path, resolve);
      }),
    cut: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server!.close(() => resolve());
      }),
  };
};

let fixture: DockerFixture;
let network: NetworkRef;
const folder = folderOf({});
const gate = gateTo(dockerHost.replace("unix://", ""), join(folder, "gate.sock"));
const controller = new AbortController();
const events: EngineEvent[] = [];
const seen = (matches: (event: EngineEvent) => boolean) =>
  eventually("event", () => events.find(matches), 30_000);

beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
  await gate.open();
  const engine = createDockerEngine({
    dockerHost: `unix://${join(folder, "gate.sock")}`,
    log: silentLog,
    clock: systemClock,
    hostFirewall: false,
  });
  engine.watch((event) => events.push(event), controller.signal);
  await seen((event) => event.kind === "connected");
});
afterAll(async () => {
  controller.abort();
  await gate.cut();
  await fixture.cleanup();
  rmSync(folder, { recursive: true });
});

test("a replica's end, with its exit code", async () => {
  const { replicaId, containerId } = await fixture.start("exit 5", network);
  const event = await seen((each) => each.kind === "die" && each.replicaId === replicaId);
  expect(event).toMatchObject({ kind: "die", exitCode: 5, containerId });
  expect((event as { atMs: number }).atMs).toBeGreaterThan(1.7e12);
});

test("running out of memory", async () => {
  const { replicaId } = await fixture.start("exec tail /dev/zero", network);
  await seen((each) => each.kind === "oom" && each.replicaId === replicaId);
  expect(await seen((each) => each.kind === "die" && each.replicaId === replicaId)).toMatchObject({
    exitCode: 137,
  });
});

test("containers of others are not ours to hear of, whatever their labels", async () => {
  const labels = { "croft.managed": "true", "croft.replica": "rep_foreign", "croft.site": fixture.site };
  const { Id } = await dockerApi("POST", "/containers/create", {
    Image: "croft-test/busybox",
    Cmd: ["true"],
    Labels: labels,
  });
  await dockerApi("POST", `/containers/${Id}/start`);
  await dockerApi("POST", `/containers/${Id}/wait`);
  await dockerApi("DELETE", `/containers/${Id}?force=1`);
  const { replicaId } = await fixture.start("exit 0", network);
  await seen((each) => each.kind === "die" && each.replicaId === replicaId);
  expect(events.filter((each) => "replicaId" in each && each.replicaId === "rep_foreign")).toEqual([]);
});

test("a stream that breaks is told, and opened again", async () => {
  await gate.cut();
  await seen((event) => event.kind === "disconnected");
  await gate.open();
  await eventually(
    "second connection",
    () => events.filter((event) => event.kind === "connected").length === 2,
  );
  const { replicaId } = await fixture.start("exit 6", network);
  expect(await seen((each) => each.kind === "die" && each.replicaId === replicaId)).toMatchObject({
    exitCode: 6,
  });
});

test("after the signal nothing comes any more", async () => {
  const mine: EngineEvent[] = [];
  const stop = new AbortController();
  fixture.engine.watch((event) => mine.push(event), stop.signal);
  await eventually("connection", () => mine.length === 1);
  stop.abort();
  const { replicaId } = await fixture.start("exit 0", network);
  await seen((each) => each.kind === "die" && each.replicaId === replicaId);
  expect(mine).toEqual([{ kind: "connected" }]);
});

test("an event that has another shape is passed over", () => {
  expect(parseEvent('{"Type":"container"}')).toBeNull();
  expect(
    parseEvent('{"Action":"die","Actor":{"ID":"x","Attributes":{"name":"croft-rep_1"}},"timeNano":1}'),
  ).toBeNull();
});
