import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { Finding } from "../../doctor/finding.ts";
import { docker, startCroft, type TestCroft, until } from "./croft.ts";
import { tenantOf } from "./tenant.ts";

/** `croft doctor` on this machine, whatever it is like: what it says has to agree with what is. */

setDefaultTimeout(60_000);

let croft: TestCroft;
beforeAll(async () => {
  croft = await startCroft();
});
afterAll(() => croft?.destroy());

const asked = async (): Promise<Finding[]> =>
  (await croft.api<{ items: Finding[] }>("GET", "/doctor")).body.items;
const of = (findings: Finding[], check: string): Finding => findings.find((one) => one.check === check)!;

test("says what the engine and the kernel say", async () => {
  const findings = await until("the edge serves", asked, (items) => of(items, "edge").state === "ok");
  const [version, cgroups, driver] = (
    await docker("info", "--format", "{{.ServerVersion}} {{.CgroupVersion}} {{.Driver}}")
  ).split(" ");
  expect(of(findings, "docker").detail).toContain(`Docker ${version}, containerd `);
  expect(of(findings, "cgroups").detail).toStartWith(`version ${cgroups}`);
  expect(of(findings, "disk limits").detail).toStartWith(`${driver} on `);
  expect(of(findings, "edge").detail).toContain(`:${croft.edgePort}`);
  const migrates = (await Bun.file("/proc/sys/net/ipv4/tcp_migrate_req").text()).trim();
  expect(of(findings, "hand-over").state).toBe(migrates === "1" ? "ok" : "warn");
  // It says how the rules are now, not how they were when the engine was asked first.
  await until("the firewall is in place", asked, (items) => of(items, "firewall").state === "ok");
  // localhost is nobody's domain.
  expect(of(findings, "names").state).toBe("warn");
  for (const { state, mend } of findings) if (state === "fail") expect(mend).not.toBeNull();
});

test("is the operator's alone", async () => {
  expect((await croft.api("GET", "/doctor", undefined, "")).status).toBe(401);
  const tenant = await tenantOf(croft, "toni");
  expect((await tenant.api("GET", "/doctor")).status).toBe(403);
});

test("on the command line the exit status tells whether something fails, and each such line what mends it", async () => {
  const told = await croft.cli(["doctor", "--json"]);
  const { items } = JSON.parse(told.stdout) as { items: Finding[] };
  expect(of(items, "daemon").detail).toContain("ready at");
  expect(of(items, "master key").state).toBe("ok");
  expect(items.length).toBeGreaterThan(12);
  expect(told.exitCode).toBe(items.some(({ state }) => state === "fail") ? 1 : 0);

  const shown = await croft.cli(["doctor"], undefined, { CROFT_TOKEN: "croft_wrong" });
  expect(shown.stdout).toContain("WARN  sign-in");
  expect(shown.stdout).toContain("croft login, as the operator");

  const away = await croft.cli(["doctor"], undefined, { CROFT_URL: "http://127.0.0.1:1" });
  expect(away.exitCode).toBe(1);
  expect(away.stdout).toMatch(/FAIL +daemon +no answer at http:\/\/127\.0\.0\.1:1/);
  expect(away.stdout).toContain("systemctl start croft");
});
