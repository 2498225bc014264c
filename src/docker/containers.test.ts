import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { NetworkRef } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import { MB } from "../domain/size.ts";
import {
  type DockerFixture,
  dockerApi,
  dockerFixture,
  eventually,
  folderOf,
} from "../testing/docker-fixture.ts";
import { rmSync } from "node:fs";

setDefaultTimeout(30_000);

let fixture: DockerFixture;
let network: NetworkRef;
beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
});
afterAll(() => fixture.cleanup());

const ended = (replicaId: string) =>
  eventually("end of the replica", async () => {
    const state = await fixture.engine.inspectReplica(replicaId);
    return state && !state.running && state;
  });

test("a replica's life: start, inspect, list, stop, restart, remove", async () => {
  const { engine } = fixture;
  const { replicaId, containerId, ...state } = await fixture.start(
    "trap 'exit 3' TERM; while :; do sleep 0.1; done",
    network,
  );
  expect(state).toMatchObject({
    running: true,
    exitCode: null,
    oomKilled: false,
    finishedAtMs: null,
  });
  expect(state.address).toStartWith("10.213.");
  expect(state.pid).toBeGreaterThan(1);
  expect((await engine.listReplicas()).find((each) => each.replicaId === replicaId)).toMatchObject({
    containerId,
    running: true,
  });

  await engine.stopReplica(replicaId, 5);
  await engine.stopReplica(replicaId, 5);
  const stopped = (await engine.inspectReplica(replicaId))!;
  expect(stopped).toMatchObject({ running: false, address: null, pid: null, exitCode: 3, oomKilled: false });
  expect(stopped.finishedAtMs!).toBeGreaterThanOrEqual(stopped.startedAtMs!);

  expect(await engine.restartReplica(replicaId)).toMatchObject({ containerId, running: true });
  await engine.removeReplica(replicaId);
  await engine.removeReplica(replicaId);
  expect(await engine.inspectReplica(replicaId)).toBeNull();
  await expect(engine.restartReplica(replicaId)).rejects.toMatchObject({ code: "not_found" });
  await engine.stopReplica(replicaId, 1);
});

test("a replica that ignores SIGTERM is killed after the grace", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start("trap '' TERM; while :; do sleep 0.1; done", network);
  await engine.stopReplica(replicaId, 1);
  expect(await engine.inspectReplica(replicaId)).toMatchObject({ running: false, exitCode: 137 });
});

test("environment, command, user and the image's own command", async () => {
  const { engine } = fixture;
  const env = { GREETING: 'a "quoted" $(touch /x) `value`', EMPTY: "" };
  const { replicaId } = await fixture.start('printf "%s|%s|%s" "$GREETING" "$EMPTY" "$(id -u)"', network, {
    env,
  });
  await ended(replicaId);
  expect(await engine.logTail(replicaId, 10)).toEqual([`${env.GREETING}||0`]);
  // the image's own command is a shell, which ends at once without input
  const own = await fixture.start("", network, { startCommand: null });
  expect(await ended(own.replicaId)).toMatchObject({ exitCode: 0 });
});

test("the container is closed as the policy says", async () => {
  const { containerId } = await fixture.start("sleep 300", network);
  const info = await dockerApi("GET", `/containers/${containerId}/json`);
  expect(info.HostConfig).toMatchObject({
    Memory: 64 * MB,
    MemorySwap: 64 * MB,
    NanoCpus: 500_000_000,
    PidsLimit: 32,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges:true"],
    RestartPolicy: { Name: "no" },
    LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    Privileged: false,
    PublishAllPorts: false,
    Init: true,
    IpcMode: "private",
    PidMode: "",
    OomScoreAdj: 500,
  });
  expect(info.HostConfig.Binds ?? []).toEqual([]);
  expect(info.HostConfig.Devices ?? []).toEqual([]);
  expect(info.HostConfig.PortBindings ?? {}).toEqual({});
  expect(Object.keys(info.NetworkSettings.Networks)).toEqual([network.name]);
});

test("inside: no raw sockets, no mounts, a bounded /tmp, no new privileges", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start(
    [
      "grep -E 'CapBnd|NoNewPrivs' /proc/self/status",
      "mount -t tmpfs none /root 2>&1 | head -1",
      "dd if=/dev/zero of=/tmp/full bs=1M count=80 2>/dev/null; ls -l /tmp/full | awk '{print $5}'",
      "rm /tmp/full; cp /bin/busybox /tmp/echo && /tmp/echo programs run in /tmp",
    ].join("; "),
    network,
    { limits: { memoryBytes: 128 * MB, cpuMillicores: 1000, pids: 32 } },
  );
  await ended(replicaId);
  const log = await engine.logTail(replicaId, 10);
  // CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10
  const bounding = [0, 1, 3, 5, 6, 7, 10].reduce((bits, bit) => bits + 2 ** bit, 0);
  expect(log).toContain(`CapBnd:\t${bounding.toString(16).padStart(16, "0")}`);
  expect(log).toContain("NoNewPrivs:\t1");
  expect(log.some((line) => /permission denied/i.test(line))).toBe(true);
  expect(log).toContain(String(64 * MB));
  expect(log).toContain("programs run in /tmp");
});

test("a start that fails says why and leaves no container", async () => {
  const { engine } = fixture;
  const replicaId = newId("rep");
  const folder = folderOf({ Dockerfile: "FROM croft-test/busybox\nUSER nobody-of-this-name\n" });
  const image = await engine.build({
    contextDir: folder,
    dockerfile: { path: "Dockerfile" },
    tag: `croft/${fixture.site}:no-user`,
    owner: fixture.owner,
    limits: { memoryBytes: 64 * MB, cpuMillicores: 1000, pids: 32 },
    network,
    onLog: () => {},
    signal: new AbortController().signal,
  });
  rmSync(folder, { recursive: true });
  await expect(
    fixture.start("", network, { replicaId, imageId: image.imageId, startCommand: null }),
  ).rejects.toMatchObject({ code: "deploy_failed", message: expect.stringContaining("nobody-of-this-name") });
  expect(await engine.inspectReplica(replicaId)).toBeNull();

  const missing = `sha256:${"0".repeat(64)}`;
  await expect(fixture.start("", network, { imageId: missing })).rejects.toMatchObject({
    code: "deploy_failed",
    message: expect.stringContaining("no longer on this server"),
  });
  await expect(
    fixture.start("", { name: `croft-none-${fixture.site}`, subnet: "10.213.0.0/28" }, { replicaId }),
  ).rejects.toMatchObject({ code: "deploy_failed", message: expect.stringContaining("network") });
  expect(await engine.inspectReplica(replicaId)).toBeNull();
});

test("labels that an image brings do not win, and do not make a container ours", async () => {
  const { engine, site, owner } = fixture;
  const foreignReplica = newId("rep");
  const folder = folderOf({
    Dockerfile: [
      "FROM croft-test/busybox",
      `LABEL croft.managed=true croft.site=${site} croft.environment=stolen croft.release=stolen croft.role=helper`,
      `LABEL croft.replica=${foreignReplica}`,
    ].join("\n"),
  });
  const image = await engine.build({
    contextDir: folder,
    dockerfile: { path: "Dockerfile" },
    tag: `croft/${site}:spoof`,
    owner,
    limits: { memoryBytes: 64 * MB, cpuMillicores: 1000, pids: 32 },
    network,
    onLog: () => {},
    signal: new AbortController().signal,
  });
  rmSync(folder, { recursive: true });
  expect((await engine.inspectImage(image.imageId))!.labels).toMatchObject({
    "croft.environment": owner.environment,
    "croft.release": owner.release,
    "croft.role": "site",
  });
  const replica = await fixture.start("sleep 300", network, { imageId: image.imageId });
  const info = await dockerApi("GET", `/containers/${replica.containerId}/json`);
  expect(info.Config.Labels).toMatchObject({
    "croft.managed": "true",
    "croft.site": site,
    "croft.environment": owner.environment,
    "croft.release": owner.release,
    "croft.role": "site",
    "croft.replica": replica.replicaId,
  });

  // somebody else runs the image: its labels say that it is a replica of this site
  const { Id: foreign } = await dockerApi("POST", "/containers/create", {
    Image: image.imageId,
    Cmd: ["sleep", "300"],
  });
  try {
    expect(await engine.inspectReplica(foreignReplica)).toBeNull();
    expect((await engine.listReplicas()).map((each) => each.containerId)).not.toContain(foreign);
    await engine.removeReplica(foreignReplica);
    await engine.removeReplica(replica.replicaId);
    expect((await dockerApi("GET", `/containers/${foreign}/json`)).Id).toBe(foreign);
  } finally {
    await dockerApi("DELETE", `/containers/${foreign}?force=1`);
  }
});

test("volumes that an image asks for carry our labels and go with the replica", async () => {
  const { engine, site, owner } = fixture;
  const folder = folderOf({ Dockerfile: "FROM croft-test/busybox\nVOLUME /data /tmp /var/x/\n" });
  const { imageId } = await engine.build({
    contextDir: folder,
    dockerfile: { path: "Dockerfile" },
    tag: `croft/${site}:volumes`,
    owner,
    limits: { memoryBytes: 64 * MB, cpuMillicores: 1000, pids: 32 },
    network,
    onLog: () => {},
    signal: new AbortController().signal,
  });
  rmSync(folder, { recursive: true });
  const { replicaId, containerId } = await fixture.start("echo x > /data/file; sleep 300", network, {
    imageId,
  });
  const { Mounts } = await dockerApi("GET", `/containers/${containerId}/json`);
  const names = Mounts.filter((mount: any) => mount.Type === "volume").map((mount: any) => mount.Name);
  expect(names).toHaveLength(2);
  for (const name of names)
    expect((await dockerApi("GET", `/volumes/${name}`)).Labels).toMatchObject({
      "croft.site": site,
      "croft.managed": "true",
    });
  await engine.removeReplica(replicaId);
  for (const name of names) await expect(dockerApi("GET", `/volumes/${name}`)).rejects.toThrow("404");
});

test("an image that asks for thousands of volumes is refused", async () => {
  const { engine, site, owner } = fixture;
  const paths = Array.from({ length: 33 }, (_, i) => `/v${i}`).join(" ");
  const folder = folderOf({ Dockerfile: `FROM croft-test/busybox\nVOLUME ${paths}\n` });
  const { imageId } = await engine.build({
    contextDir: folder,
    dockerfile: { path: "Dockerfile" },
    tag: `croft/${site}:many`,
    owner,
    limits: { memoryBytes: 64 * MB, cpuMillicores: 1000, pids: 32 },
    network,
    onLog: () => {},
    signal: new AbortController().signal,
  });
  rmSync(folder, { recursive: true });
  await expect(fixture.start("sleep 300", network, { imageId })).rejects.toMatchObject({
    code: "deploy_failed",
    message: expect.stringContaining("33 volumes"),
  });
});

test("ports that processes listen on", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start("httpd -p 8080; httpd -p 127.0.0.1:8081; sleep 300", network);
  expect(
    await eventually("both ports", async () => {
      const ports = await engine.listeningPorts(replicaId);
      return ports.length === 2 && ports;
    }),
  ).toEqual([
    { port: 8080, loopbackOnly: false },
    { port: 8081, loopbackOnly: true },
  ]);
  expect(await engine.listeningPorts("rep_none")).toEqual([]);
});
