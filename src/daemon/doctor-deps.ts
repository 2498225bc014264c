import { readFile, statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import { edgeOn, type Settings } from "../config.ts";
import type { Store } from "../db/store.ts";
import { engineFacts } from "../docker/engine-facts.ts";
import type { EngineStatus } from "../supervisor/supervisor.ts";
import { isLocalName } from "../doctor/edge-findings.ts";
import { type DoctorDeps, examine } from "../doctor/examine.ts";
import type { Finding } from "../doctor/finding.ts";
import { type KernelSetting, kernelSettings } from "../doctor/machine-findings.ts";
import type { Clock } from "../domain/clock.ts";
import type { DiskSpace, HardVolumes } from "../domain/disk.ts";
import type { Pointing } from "../sites/domain-deps.ts";
import type { EdgeDetails } from "./edge-status.ts";

interface Wiring {
  hardVolumes: HardVolumes;
  diskSpace(): Promise<DiskSpace[]>;
  settings: Settings;
  store: Store;
  clock: Clock;
  engine(): EngineStatus;
  edge(): Promise<EdgeDetails>;
  pointsHere(name: string): Promise<Pointing>;
}

const textOf = (path: string): Promise<string | null> =>
  readFile(path, "utf8").then(
    (text) => text.trim(),
    () => null,
  );

const kernelSetting = async (name: KernelSetting): Promise<[KernelSetting, string | null]> => [
  name,
  await textOf(`/proc/sys/${name.replaceAll(".", "/")}`),
];

/** What the host offers and lacks, looked at anew at each call. */
export const doctor = (wiring: Wiring) => (): Promise<Finding[]> => examine(doctorDeps(wiring));

/** What the doctor looks at, on this machine. */
const doctorDeps = ({
  settings,
  store,
  clock,
  engine,
  edge,
  pointsHere,
  hardVolumes,
  diskSpace,
}: Wiring): DoctorDeps => ({
  engine: async () => ({
    ...(await engineFacts(settings.dockerHost)),
    builder: engine().info?.builder ?? "not looked at yet",
    firewall: engine().info?.firewall ?? { holds: false, detail: "not looked at yet" },
  }),
  machine: async () => {
    const [meminfo, limits, disk, kernel] = await Promise.all([
      textOf("/proc/meminfo"),
      textOf("/proc/self/limits"),
      statfs(settings.dataDir),
      Promise.all(kernelSettings.map(kernelSetting)),
    ]);
    const openFiles = /^Max open files\s+(\d+)/m.exec(limits ?? "")?.[1];
    return {
      swapBytes: Number(/^SwapTotal:\s+(\d+) kB/m.exec(meminfo ?? "")?.[1] ?? 0) * 1024,
      memoryBytes: totalmem(),
      diskFreeBytes: disk.bavail * disk.bsize,
      openFiles: openFiles === undefined ? null : Number(openFiles),
      kernel: Object.fromEntries(kernel) as Record<KernelSetting, string | null>,
    };
  },
  disk: async () => {
    const environments = await store.liveEnvironments();
    const ids = environments.map(({ id }) => id);
    const storage = await store.volumeStorageOf(ids);
    const all = await store.volumesOfMany(ids);
    return {
      volumes: await hardVolumes.ability(),
      folders: all.filter(({ id }) => storage.get(id)?.kind !== "loop").length,
      all: all.length,
      spaces: await diskSpace(),
    };
  },
  edge: async () => {
    const { up, problem, health } = await edge();
    return {
      wanted: edgeOn(settings),
      up,
      problem,
      listening: health?.listening ?? [],
    };
  },
  names: async () => {
    const { panelDomain, baseDomain } = settings;
    if (isLocalName(baseDomain)) return "local";
    const reason = (pointing: Pointing): string | null => (pointing.here ? null : pointing.reason);
    const [panel, wildcard] = await Promise.all(
      // A name that no site has, so that only a wildcard record answers.
      [panelDomain, `any-${crypto.randomUUID().slice(0, 8)}.${baseDomain}`].map(pointsHere),
    );
    return { panelDomain, baseDomain, panelReason: reason(panel!), wildcardReason: reason(wildcard!) };
  },
  certificates: async () => ({
    nowMs: clock.nowMs(),
    ordered:
      settings.https === null || settings.acme === null
        ? null
        : (await store.certificates()).map(({ name, source, notAfter, lastError }) => ({
            name: name ?? "an uploaded one",
            isUpload: source === "upload",
            notAfter,
            lastError,
          })),
  }),
});
