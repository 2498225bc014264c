import { expect, test } from "bun:test";
import type { EngineFacts } from "../domain/engine-facts.ts";
import { GB, MB } from "../domain/size.ts";
import { AppError } from "../errors.ts";
import { certificateFindings } from "./certificate-findings.ts";
import { type DiskFacts, diskFindings } from "./disk-findings.ts";
import { edgeFinding, isLocalName, nameFindings } from "./edge-findings.ts";
import { engineFindings } from "./engine-findings.ts";
import { type DoctorDeps, examine } from "./examine.ts";
import type { Finding } from "./finding.ts";
import { flawsOf } from "./known-flaws.ts";
import { type MachineFacts, machineFindings } from "./machine-findings.ts";

const engine: EngineFacts = {
  version: "29.0.2",
  parts: { containerd: "v2.2.0", runc: "1.3.3" },
  cgroupVersion: 2,
  storageDriver: "overlay2",
  backingFilesystem: "xfs",
  mountOptions: ["rw", "relatime", "prjquota"],
  liveRestore: true,
  countsSwap: true,
  security: ["seccomp", "apparmor"],
  builder: "classic builder; memory, CPU, processes, disk and time bounded per build",
  firewall: { holds: true, detail: "iptables chain CROFT-FORWARD" },
};
const machine: MachineFacts = {
  swapBytes: 2 * GB,
  memoryBytes: 4 * GB,
  diskFreeBytes: 20 * GB,
  openFiles: 1_048_576,
  kernel: {
    "net.ipv4.tcp_migrate_req": "1",
    "net.ipv4.ip_forward": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "fs.inotify.max_user_instances": "4096",
  },
};
const disk: DiskFacts = {
  volumes: { kind: "loop", detail: "new volumes are file systems of their own" },
  folders: 0,
  all: 3,
  spaces: [{ freeBytes: 20 * GB, totalBytes: 100 * GB }],
};
const troubles = (findings: Finding[]): string[] =>
  findings.filter(({ state }) => state !== "ok").map(({ state, check }) => `${state} ${check}`);
const engineWith = (facts: Partial<EngineFacts>) => troubles(engineFindings({ ...engine, ...facts }));
const machineWith = (facts: Partial<MachineFacts>) => troubles(machineFindings({ ...machine, ...facts }));
const kernelWith = (kernel: Partial<MachineFacts["kernel"]>) =>
  machineWith({ kernel: { ...machine.kernel, ...kernel } });

test("a host as it should be has nothing to mend", () => {
  expect(engineWith({})).toEqual([]);
  expect(machineWith({})).toEqual([]);
});

test("disks: volumes that are folders are worse, a disk with less than its reserve is a failure", () => {
  const diskWith = (facts: Partial<DiskFacts>) => troubles(diskFindings({ ...disk, ...facts }));
  expect(diskWith({})).toEqual([]);
  expect(diskWith({ volumes: { kind: "folder", detail: "not root" } })).toEqual(["warn volumes"]);
  expect(diskFindings({ ...disk, folders: 2 })[0]!.detail).toContain("2 of 3 are folders from before");
  const small = (freeBytes: number) => diskWith({ spaces: [{ freeBytes, totalBytes: 10 * GB }] });
  expect([small(1.1 * GB), small(0.9 * GB)]).toEqual([[], ["fail disk reserve"]]);
  // Of a very large disk no more than that is kept.
  expect(diskWith({ spaces: [{ freeBytes: 11 * GB, totalBytes: 4000 * GB }] })).toEqual([]);
});

test("what the engine lacks is told apart from what does not hold", () => {
  expect(engineWith({ cgroupVersion: 1 })).toEqual(["warn cgroups"]);
  expect(engineWith({ mountOptions: ["rw"] })).toEqual(["warn disk limits"]);
  expect(engineWith({ mountOptions: null })).toEqual(["warn disk limits"]);
  expect(engineWith({ backingFilesystem: "extfs" })).toEqual(["warn disk limits"]);
  expect(engineWith({ storageDriver: "btrfs", backingFilesystem: "unknown", mountOptions: null })).toEqual(
    [],
  );
  expect(engineWith({ liveRestore: false })).toEqual(["warn live restore"]);
  expect(engineWith({ builder: "classic builder; memory bounded, processes not by Croft" })).toEqual([
    "warn builds",
  ]);
  expect(engineWith({ countsSwap: false })).toEqual(["warn swap in limits"]);
  expect(engineWith({ security: [] })).toEqual(["fail system calls"]);
  expect(engineWith({ firewall: { holds: false, detail: "iptables is not installed" } })).toEqual([
    "fail firewall",
  ]);
  expect(engineWith({ version: "19.03.15" })).toEqual(["fail docker"]);
});

test("versions with known flaws are named, each branch by its own fix; those of distributions are theirs to mend", () => {
  const ids = (part: Parameters<typeof flawsOf>[0], version: string) =>
    flawsOf(part, version).map(({ id }) => id);
  expect(ids("runc", "1.1.11")).toEqual(["CVE-2025-31133", "CVE-2024-21626"]);
  expect(ids("runc", "1.1.12")).toEqual(["CVE-2025-31133"]);
  expect(ids("runc", "1.2.8")).toEqual([]);
  expect(ids("runc", "1.3.2")).toEqual(["CVE-2025-31133"]);
  expect(ids("runc", "1.3.3")).toEqual([]);
  expect(ids("runc", "1.4.0")).toEqual([]);
  expect(ids("runc", "1.1.5+ds1")).toEqual([]);
  expect(ids("containerd", "v1.6.0")).toEqual(["CVE-2022-23648"]);
  expect(ids("containerd", "1.7.27")).toEqual([]);
  expect(ids("docker", "25.0.4")).toEqual(["CVE-2024-29018"]);
  expect(ids("docker", "24.0.9")).toEqual(["CVE-2024-29018"]);
  expect(ids("docker", "28.2.2")).toEqual([]);
  expect(ids("docker", "dev")).toEqual([]);
  // A way out of containers fails; what is less only warns.
  expect(engineWith({ parts: { runc: "1.1.11" } })).toEqual(["fail docker"]);
  expect(engineWith({ version: "25.0.4" })).toEqual(["warn docker"]);
});

test("the machine's figures are held against what Croft needs", () => {
  expect(machineWith({ swapBytes: 0 })).toEqual(["warn swap"]);
  expect(machineWith({ memoryBytes: 512 * MB })).toEqual(["warn memory"]);
  expect(machineWith({ diskFreeBytes: GB })).toEqual(["fail disk"]);
  expect(machineWith({ openFiles: 1024 })).toEqual(["warn open files"]);
  expect(machineWith({ openFiles: null })).toEqual([]);
  expect(kernelWith({ "net.ipv4.tcp_migrate_req": "0" })).toEqual(["warn hand-over"]);
  expect(kernelWith({ "net.ipv4.tcp_migrate_req": null })).toEqual(["warn hand-over"]);
  expect(kernelWith({ "net.ipv4.ip_forward": "0" })).toEqual(["fail forwarding"]);
  expect(kernelWith({ "net.bridge.bridge-nf-call-iptables": "0" })).toEqual(["warn bridges"]);
  expect(kernelWith({ "net.bridge.bridge-nf-call-iptables": null })).toEqual([]);
  expect(kernelWith({ "fs.inotify.max_user_instances": "128" })).toEqual(["warn file watches"]);
});

test("an edge without its port says who may hold it; a name that leads elsewhere, which record is missing", () => {
  const problem = "the edge's address 0.0.0.0:80 is taken by another program";
  const taken = edgeFinding({ wanted: true, up: false, problem, listening: [] });
  expect(taken).toMatchObject({ state: "fail", detail: problem, mend: expect.stringContaining("ss -ltnp") });
  expect(edgeFinding({ wanted: true, up: true, problem: null, listening: ["0.0.0.0:80"] })).toMatchObject({
    state: "ok",
    detail: "serves on 0.0.0.0:80",
  });
  expect(edgeFinding({ wanted: false, up: false, problem: null, listening: [] }).state).toBe("warn");

  const names = { panelDomain: "croft.sites.example.org", baseDomain: "sites.example.org" };
  expect(troubles(nameFindings({ ...names, panelReason: null, wildcardReason: null }))).toEqual([]);
  const [, wildcard] = nameFindings({ ...names, panelReason: null, wildcardReason: "it leads elsewhere" });
  expect(wildcard).toMatchObject({ state: "fail", mend: expect.stringContaining("*.sites.example.org") });
  expect(troubles(nameFindings("local"))).toEqual(["warn names"]);
  expect(["localhost", "a.localhost", "box.local", "a.example.org"].map(isLocalName)).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test("certificates: one that ended fails, one that is not had or ends soon warns, with the reason", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const day = 24 * 3600_000;
  const one = (name: string, days: number | null, lastError: string | null = null, isUpload = false) => ({
    name,
    notAfter: days === null ? null : nowMs + days * day,
    lastError,
    isUpload,
  });
  const found = (...ordered: ReturnType<typeof one>[]) => certificateFindings({ ordered, nowMs });
  expect(found(one("a", 60), one("b", null))).toMatchObject([{ state: "ok", detail: "1 held, 1 to come" }]);
  expect(found(one("a", -1, "no record"), one("b", 60))).toMatchObject([
    { state: "fail", detail: "ended: a (no record)" },
  ]);
  expect(found(one("a", null, "no record"))).toMatchObject([
    { state: "warn", detail: "not had yet: a (no record)" },
  ]);
  expect(found(one("a", 5, null, true))).toMatchObject([
    { state: "warn", mend: expect.stringContaining("croft certificate add") },
  ]);
  expect(found(...Array.from({ length: 7 }, (_, n) => one(`n${n}`, -1)))[0]!.detail).toBe(
    "ended: n0, n1, n2, n3, n4 and 2 others",
  );
  expect(troubles(certificateFindings({ ordered: null, nowMs }))).toEqual(["warn certificates"]);
});

test("what cannot be looked at, or takes too long, is a finding; the rest is told all the same", async () => {
  const deps: DoctorDeps = {
    engine: async () => {
      throw new AppError("engine_unavailable", "Docker does not answer");
    },
    machine: async () => machine,
    disk: async () => disk,
    edge: async () => ({ wanted: true, up: true, problem: null, listening: ["0.0.0.0:80"] }),
    names: () => new Promise(() => {}),
    certificates: async () => {
      throw new Error("SQLITE_BUSY: a text for nobody");
    },
    deadlineMs: 50,
  };
  const findings = await examine(deps);
  expect(findings.filter(({ state }) => state === "fail")).toMatchObject([
    {
      check: "docker",
      detail: "Docker does not answer",
      mend: expect.stringContaining("systemctl start docker"),
    },
    { check: "names", detail: "no answer within 0.05 s" },
    { check: "certificates", detail: "it could not be looked at" },
  ]);
  expect(findings.filter(({ state }) => state === "ok").length).toBeGreaterThan(5);
});
