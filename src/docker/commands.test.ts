import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { type CommandProcess, type OneOffSpec, oneOffMeter } from "../domain/command-process.ts";
import type { NetworkRef, ReplicaSpec } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import { silentLog } from "../domain/log.ts";
import { MB } from "../domain/size.ts";
import {
  busyboxImage,
  dockerApi,
  type DockerFixture,
  dockerFixture,
  eventually,
} from "../testing/docker-fixture.ts";
import { processesOfRun } from "./leftovers-of-run.ts";
import { createOneOffCgroups } from "./one-off-cgroup.ts";

setDefaultTimeout(60_000);

let fixture: DockerFixture;
let network: NetworkRef;
let base: ReplicaSpec;

beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
  base = {
    name: "unused",
    replicaId: "unused",
    imageId: await busyboxImage(),
    owner: fixture.owner,
    network,
    env: { GREETING: "hello" },
    volumes: [],
    startCommand: "exit 99",
    limits: { memoryBytes: 48 * MB, cpuMillicores: 300, pids: 20 },
    stopGraceSeconds: 1,
  };
});
afterAll(() => fixture?.cleanup());

const listen = () => {
  const heard = { stdout: "", stderr: "" };
  return {
    heard,
    onOutput: (name: "stdout" | "stderr", bytes: Uint8Array) => {
      heard[name] += new TextDecoder().decode(bytes);
    },
  };
};

const oneOff = (argv: string[], change: Partial<OneOffSpec> = {}): OneOffSpec => ({
  runId: newId("run"),
  base,
  group: fixture.owner.environment,
  argv,
  terminal: null,
  stdin: false,
  keepOutput: false,
  ...change,
});

const exists = (runId: string): Promise<boolean> =>
  dockerApi("GET", `/containers/croft-${runId}/json`).then(
    () => true,
    () => false,
  );

test("a one-off runs its words as they are, in the release's environment, and tells how it ended", async () => {
  const { heard, onOutput } = listen();
  const canary = `/tmp/croft-canary-${crypto.randomUUID()}`;
  const word = `$(touch ${canary}); \`touch ${canary}\`\n* "'`;
  const spec = oneOff(["sh", "-c", 'printf "%s|%s" "$GREETING" "$1"; echo wrong >&2; exit 7', "sh", word]);
  const running = await fixture.engine.startOneOff(spec, onOutput);
  expect(await running.ended).toEqual({ exitCode: 7, oomKilled: false, endedAtMs: expect.any(Number) });
  expect(heard).toEqual({ stdout: `hello|${word}`, stderr: "wrong\n" });
  expect(await Bun.file(canary).exists()).toBe(false);

  const { HostConfig, Config } = await dockerApi("GET", `/containers/croft-${spec.runId}/json`);
  expect(Config.Labels).toMatchObject({
    "croft.managed": "true",
    "croft.role": "helper",
    "croft.site": fixture.site,
  });
  expect(HostConfig).toMatchObject({
    Memory: 48 * MB,
    MemorySwap: 48 * MB,
    NanoCpus: 300_000_000,
    PidsLimit: 20,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges:true"],
    NetworkMode: network.name,
    LogConfig: { Type: "none" },
  });
  expect(await fixture.engine.listOneOffs()).toContain(spec.runId);
  expect((await fixture.engine.listReplicas()).map((one) => one.replicaId)).not.toContain(spec.runId);
  await fixture.engine.removeOneOff(spec.runId);
  await fixture.engine.removeOneOff(spec.runId);
  expect(await exists(spec.runId)).toBe(false);
});

test("what goes in comes out, to the last byte, and its end is an end", async () => {
  let bytes = 0;
  const spec = oneOff(["cat"], { stdin: true });
  const running = await fixture.engine.startOneOff(spec, async (_, chunk) => {
    bytes += chunk.length;
    await Bun.sleep(1); // slower than it comes
  });
  const piece = new Uint8Array(64 * 1024).fill(120);
  for (let i = 0; i < 64; i++) await running.write(piece);
  running.endInput();
  expect((await running.ended).exitCode).toBe(0);
  expect(bytes).toBe(64 * piece.length);
  await running.write(piece);
  await fixture.engine.removeOneOff(spec.runId);
});

test("a terminal has the size it is told, and is told of a new one", async () => {
  const { heard, onOutput } = listen();
  const spec = oneOff(["sh"], { stdin: true, terminal: { columns: 91, rows: 17 } });
  const running = await fixture.engine.startOneOff(spec, onOutput);
  const type = (text: string) => running.write(new TextEncoder().encode(text));
  await type("stty size; tty\n");
  await eventually("its size", () => heard.stdout.includes("17 91") && heard.stdout.includes("/dev/pts"));
  await running.resize({ columns: 120, rows: 40 });
  await type("stty size\n");
  await eventually("its new size", () => heard.stdout.includes("40 120"));
  await type("exit 3\n");
  expect((await running.ended).exitCode).toBe(3);
  await fixture.engine.removeOneOff(spec.runId);
});

test("what takes no notice of being asked to end is ended after the grace", async () => {
  const { heard, onOutput } = listen();
  const spec = oneOff(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]);
  const running = await fixture.engine.startOneOff(spec, onOutput);
  await eventually("it runs", () => heard.stdout === "ready\n");
  await running.kill(1);
  expect((await running.ended).exitCode).toBe(137);
  await fixture.engine.removeOneOff(spec.runId);
});

test("too much memory ends it, and it says so", async () => {
  const spec = oneOff(["sh", "-c", "tail /dev/zero"]);
  const running = await fixture.engine.startOneOff(spec, () => {});
  expect(await running.ended).toMatchObject({ exitCode: 137 });
  await fixture.engine.removeOneOff(spec.runId);
});

test("several of one group get no more together than one may alone", async () => {
  // Each may have 48 MB, and so may both.
  const hold = ["sh", "-c", "head -c 34m /dev/zero > /dev/shm/held && sleep 300"];
  const first = oneOff(hold);
  const second = oneOff(hold);
  const one = await fixture.engine.startOneOff(first, () => {});
  const { HostConfig } = await dockerApi("GET", `/containers/croft-${first.runId}/json`);
  const { CgroupDriver } = await dockerApi("GET", "/info");
  // With systemd's driver groups are units: each one-off has limits of its own there.
  const hasGroup = CgroupDriver === "cgroupfs";
  expect(HostConfig.CgroupParent).toBe(hasGroup ? `/croft-one-off/${fixture.owner.environment}` : "");
  if (!hasGroup) return fixture.engine.removeOneOff(first.runId);
  const { cgroupOfProcess } = await import("./cgroup-paths.ts");
  const { readCgroup, readCgroupLimits } = await import("./cgroup-readings.ts");
  const { State } = await dockerApi("GET", `/containers/croft-${first.runId}/json`);
  const cgroup = cgroupOfProcess(State.Pid)!;
  const parent = (path: string | null) => path && path.slice(0, path.lastIndexOf("/"));
  const shared =
    cgroup.version === 2
      ? { ...cgroup, folder: parent(cgroup.folder)! }
      : {
          ...cgroup,
          memory: parent(cgroup.memory)!,
          cpu: parent(cgroup.cpu),
          cpuacct: parent(cgroup.cpuacct),
          pids: parent(cgroup.pids),
        };
  expect(readCgroupLimits(shared)).toMatchObject({ memoryBytes: 48 * MB, cpuMillicores: 300, pids: 20 });
  await eventually("the first holds its share", () => (readCgroup(cgroup)?.memoryBytes ?? 0) > 30 * MB);
  const two = await fixture.engine.startOneOff(second, () => {});
  // The kernel chooses; what matters is that not both can stay.
  await Promise.race([one.ended, two.ended]);
  expect(readCgroup(shared)!.memoryBytes).toBeLessThanOrEqual(48 * MB);
  for (const spec of [first, second]) await fixture.engine.removeOneOff(spec.runId);
  // What they used is read together, and once more when the last one has left.
  const metered = async () =>
    (await fixture.engine.readings()).filter((one) => one.replicaId === oneOffMeter(first.group));
  expect(await metered()).toMatchObject([{ cpuNanos: expect.any(Number), pids: 0 }]);
  expect(await metered()).toEqual([]);
});

test("a group that nobody uses goes after a while, and stays for who comes back", async () => {
  const groups = createOneOffCgroups(silentLog, async () => "cgroupfs", 200);
  const group = newId("env");
  const parent = await groups.enter(group, "run_1", base.limits);
  const folders = () =>
    readdirSync("/sys/fs/cgroup", { recursive: false })
      .map((name) => `/sys/fs/cgroup/${String(name)}${parent}`)
      .concat(`/sys/fs/cgroup${parent}`)
      .filter(existsSync);
  expect(folders().length).toBeGreaterThan(0);
  groups.leave("run_1");
  await groups.enter(group, "run_2", base.limits);
  groups.leave("run_1");
  await Bun.sleep(400);
  expect(folders().length).toBeGreaterThan(0);
  groups.leave("run_2");
  await eventually("it is gone", () => folders().length === 0);
});

test("what is no program ends as in a shell, with a reason", async () => {
  const { heard, onOutput } = listen();
  const spec = oneOff(["/no/such/program"]);
  const running = await fixture.engine.startOneOff(spec, onOutput);
  expect((await running.ended).exitCode).toBe(127);
  expect(heard.stderr).toContain("No such file");
  await fixture.engine.removeOneOff(spec.runId);

  const inside = await inReplica(["/no/such/program"]);
  expect((await inside.running.ended).exitCode).toBeOneOf([126, 127]);
  expect(inside.heard.stdout + inside.heard.stderr).toContain("no such file");
});

test("another daemon goes on following, from the first line, while it runs and when it has ended", async () => {
  const spec = oneOff(["sh", "-c", "echo one; read line < /tmp/go; echo two; exit 5"], { keepOutput: true });
  const first = listen();
  // A pipe that nobody writes to until told.
  spec.argv = ["sh", "-c", "mkfifo /tmp/go; echo one; read line < /tmp/go; echo two; exit 5"];
  await fixture.engine.startOneOff(spec, first.onOutput);
  await eventually("its first line", () => first.heard.stdout === "one\n");
  const second = listen();
  const followed = await fixture.engine.followOneOff(spec.runId, second.onOutput);
  await eventually("its first line once more", () => second.heard.stdout === "one\n");
  const exec = await dockerApi("POST", `/containers/croft-${spec.runId}/exec`, {
    Cmd: ["sh", "-c", "echo go > /tmp/go"],
  });
  await dockerApi("POST", `/exec/${exec.Id}/start`, { Detach: true });
  expect((await followed!.ended).exitCode).toBe(5);
  expect(second.heard.stdout).toBe("one\ntwo\n");

  const third = listen();
  const late = await fixture.engine.followOneOff(spec.runId, third.onOutput);
  expect((await late!.ended).exitCode).toBe(5);
  expect(third.heard.stdout).toBe("one\ntwo\n");
  await fixture.engine.removeOneOff(spec.runId);
  expect(await fixture.engine.followOneOff(spec.runId, () => {})).toBeNull();
});

const inReplica = async (argv: string[], terminal = false) => {
  const replica = await fixture.start("while :; do sleep 1; done", network, { env: { OF: "the replica" } });
  const { heard, onOutput } = listen();
  const runId = newId("run");
  const running: CommandProcess = await fixture.engine.execInReplica(
    replica.replicaId,
    { runId, argv, terminal: terminal ? { columns: 80, rows: 24 } : null, stdin: terminal },
    onOutput,
  );
  return { replica, heard, runId, running, left: () => processesOfRun(runId, replica.pid!, null) };
};

test("a command inside a replica shares its world, and tells how it ended", async () => {
  const { heard, running, replica } = await inReplica([
    "sh",
    "-c",
    'echo "$OF"; sleep 300 & echo odd >&2; exit 4',
  ]);
  expect((await running.ended).exitCode).toBe(4);
  expect(heard).toEqual({ stdout: "the replica\n", stderr: "odd\n" });
  expect((await fixture.engine.inspectReplica(replica.replicaId))?.running).toBe(true);
});

test("inside a replica nothing remains of a command that is ended, however it hides, and the app goes on", async () => {
  const hide =
    "trap '' TERM HUP; setsid sleep 301 & (setsid sh -c 'trap \"\" TERM; sleep 302' &) ; echo ready; sleep 303";
  const { heard, running, replica, left } = await inReplica(["sh", "-c", hide]);
  await eventually("it runs", () => heard.stdout.includes("ready") && left().length >= 3);
  await running.kill(0);
  expect(left()).toEqual([]);
  expect((await running.ended).exitCode).toBe(137);
  expect((await fixture.engine.inspectReplica(replica.replicaId))?.running).toBe(true);
});

test("a replica that stands still runs no command, and says so", async () => {
  const replica = await fixture.start("while :; do sleep 1; done", network);
  await fixture.engine.pauseReplica(replica.replicaId);
  const spec = { runId: newId("run"), argv: ["id"], terminal: null, stdin: false };
  await expect(fixture.engine.execInReplica(replica.replicaId, spec, () => {})).rejects.toMatchObject({
    code: "conflict",
    publicMessage: expect.stringContaining("asleep"),
  });
  await fixture.engine.unpauseReplica(replica.replicaId);
});

test("a terminal inside a replica ends with it", async () => {
  const { heard, running, replica, left } = await inReplica(["sh"], true);
  await running.write(new TextEncoder().encode("stty size; sleep 304\n"));
  await eventually("its size", () => heard.stdout.includes("24 80") && left().length >= 2);
  await fixture.engine.removeReplica(replica.replicaId);
  await running.ended;
  expect(left()).toEqual([]);
  await expect(
    fixture.engine.execInReplica(
      replica.replicaId,
      { runId: newId("run"), argv: ["sh"], terminal: null, stdin: false },
      () => {},
    ),
  ).rejects.toMatchObject({ code: "not_found" });
});

test("a site's one-offs go with it", async () => {
  const other = await dockerFixture();
  const spec = oneOff(["sleep", "300"]);
  spec.base = { ...base, owner: other.owner, network: await other.network() };
  await other.engine.startOneOff(spec, () => {});
  await other.cleanup();
  expect(await exists(spec.runId)).toBe(false);
});

test("a network that is taken away lets go of commands, too", async () => {
  const link = { ...(await fixture.network()), internal: true };
  const spec = oneOff(["sleep", "300"]);
  spec.base = { ...base, joins: [{ network: link.name, aliases: [] }] };
  const running = await fixture.engine.startOneOff(spec, () => {});
  await fixture.engine.removeNetwork(link.name);
  const { NetworkSettings, State } = await dockerApi("GET", `/containers/croft-${spec.runId}/json`);
  expect(Object.keys(NetworkSettings.Networks)).toEqual([network.name]);
  expect(State.Running).toBe(true);
  await running.kill(0);
  await fixture.engine.removeOneOff(spec.runId);
});
