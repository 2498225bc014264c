import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { until } from "./croft.ts";
import { systemdMachine, type SystemdMachine } from "./systemd-machine.ts";

/** Under a real systemd the edge is a unit of its own, whatever becomes of the daemon's. */

setDefaultTimeout(120_000);

const root = join(import.meta.dir, "..", "..", "..");
let machine: SystemdMachine;
beforeAll(async () => {
  const folders = ["src", "migrations", "node_modules", "package.json", "tsconfig.json"];
  machine = await systemdMachine({
    [process.execPath]: "/usr/local/bin/bun",
    ...Object.fromEntries(folders.map((name) => [join(root, name), `/checkout/${name}`])),
  });
});
afterAll(() => machine?.[Symbol.asyncDispose]());

/** The daemon in a unit that ends everything in it. */
const startDaemon = (...settings: string[]) =>
  machine.ok(
    "systemd-run",
    "--unit=daemon",
    "--collect",
    "--property=KillMode=control-group",
    "--property=NoNewPrivileges=yes",
    ...["CROFT_DATA_DIR=/var/lib/croft", "CROFT_HTTPS=off", ...settings].map((text) => `--setenv=${text}`),
    ...["bun", "/checkout/src/main.ts", "serve"],
  );
const scopes = async (): Promise<string[]> => {
  const list = await machine.ok(
    "systemctl",
    "list-units",
    "--plain",
    "--no-legend",
    "--all",
    "croft-edge-*.scope",
  );
  return list
    .split("\n")
    .map((line) => line.split(" ")[0]!)
    .filter((name) => name !== "" && !name.includes("-try"));
};
/** The edge's processes by their unit. */
const processes = async (): Promise<string[]> => {
  const found = await machine.ok(
    "sh",
    "-c",
    "grep -l . /proc/[0-9]*/cgroup | xargs grep -H croft-edge- 2>/dev/null || true",
  );
  const lines = found.split("\n").filter((line) => line.includes("name=systemd") || line.includes(":0::"));
  return [...new Set(lines.map((line) => line.split("/")[2]!))];
};
const answers = async (): Promise<number> =>
  fetch(`http://${await machine.address()}/`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ status }) => status,
    () => 0,
  );

test("it outlives the daemon's unit, is adopted, and hands over into a unit of the next one's", async () => {
  await startDaemon();
  await until("the edge answers", answers, (status) => status === 404);
  const [scope, ...others] = await scopes();
  expect(scope).toEndWith(".scope");
  expect(others).toEqual([]);
  const weights = await machine.ok("systemctl", "show", scope!, "--property=CPUWeight,IOWeight");
  expect(weights.trim().split("\n").toSorted()).toEqual(["CPUWeight=500", "IOWeight=500"]);
  const before = await processes();
  expect(before.length).toBe(1);
  const status = await machine.ok("cat", `/proc/${before[0]}/status`);
  expect(status).toMatch(/\nUid:\t7301\t7301\t7301\t7301\n/);
  expect(status).toMatch(/\nNoNewPrivs:\t1\n/);
  expect(status).toContain("CapEff:\t0000000000000400");

  await machine.ok("systemctl", "stop", "daemon");
  expect(await answers()).toBe(404);
  expect(await processes()).toEqual(before);

  await startDaemon();
  await until(
    "the daemon answers",
    async () => (await machine.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7300"])).exitCode,
    (code) => code === 0,
  );
  await Bun.sleep(3_000);
  expect(await processes()).toEqual(before);

  await machine.ok("systemctl", "stop", "daemon");
  await startDaemon("CROFT_EDGE_PROCESSES=2");
  await until("two others serve", processes, (now) => now.length === 2 && !now.includes(before[0]!));
  expect(await answers()).toBe(404);
  await until("the old unit is gone", scopes, (now) => now.length === 1 && now[0] !== scope);
});
