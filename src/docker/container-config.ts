import { posix } from "node:path";
import type Dockerode from "dockerode";
import type { ContainerLimits, ReplicaSpec } from "../domain/engine.ts";
import { shellCommand } from "../domain/shell-command.ts";
import { cpuSharesOf } from "../domain/cpu-share.ts";
import { logFiles } from "../domain/disk.ts";
import { MB } from "../domain/size.ts";
import { containerName, ownershipLabels, processLabel, replicaLabel } from "./labels.ts";

const logMaxSize = "10m";
const tmpBytes = 64 * MB;
/** Per process. Plenty for a small site, and below the hard limit that hosts commonly give Docker itself. */
const openFiles = 16_384;

/**
 * What ordinary images need of the capabilities, all else is dropped: entry points that start as root chown
 * their data (CHOWN, FOWNER, DAC_OVERRIDE), step down to a user (SETUID, SETGID) and signal their workers
 * (KILL); binaries with the file capability NET_BIND_SERVICE cannot even be executed without it. Left out of
 * Docker's defaults: NET_RAW (spoofing on the bridge), MKNOD, SETFCAP, SETPCAP, SYS_CHROOT, AUDIT_WRITE, FSETID.
 */
const capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/** Docker's resource fields, the same at create and at update. No swap: MemorySwap counts memory and swap together. */
export const resourcesOf = (limits: ContainerLimits) => ({
  Memory: limits.memoryBytes,
  MemorySwap: limits.memoryBytes,
  NanoCpus: limits.cpuMillicores * 1_000_000,
  CpuShares: cpuSharesOf(limits.weightMillicores ?? limits.cpuMillicores),
  PidsLimit: limits.pids,
});

const normalize = (path: string): string => posix.normalize(path).replace(/(?<=.)\/$/, "");

const ulimitsOf = ({ disk }: ReplicaSpec) => {
  const longest = disk?.longestFileBytes ?? null;
  return [
    { Name: "nofile", Soft: openFiles, Hard: openFiles },
    ...(longest === null ? [] : [{ Name: "fsize", Soft: longest, Hard: longest }]),
  ];
};

/** The body of `POST /containers/create`; `imageVolumes` are the paths that the image declares as VOLUME, `quotaBytes` the engine's limit of the writable layer. */
export const containerConfig = (
  spec: ReplicaSpec,
  imageVolumes: string[],
  quotaBytes: number | null = null,
): Dockerode.ContainerCreateOptions => {
  const taken = new Set(["/tmp", ...spec.volumes.map(({ mountPath }) => normalize(mountPath))]);
  const processName = spec.process ?? "web";
  const labels = {
    ...ownershipLabels(spec.owner),
    [replicaLabel]: spec.replicaId,
    [processLabel]: processName,
  };
  return {
    name: containerName(spec.replicaId),
    Image: spec.imageId,
    Labels: labels,
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    ...(spec.startCommand === null ? {} : { Entrypoint: shellCommand(spec.startCommand), Cmd: [] }),
    StopTimeout: spec.stopGraceSeconds,
    // Croft probes from outside; an image's own check would spend the site's CPU on an exec every few seconds
    Healthcheck: { Test: ["NONE"] } as Dockerode.HealthConfig,
    NetworkingConfig: { EndpointsConfig: { [spec.network.name]: { Aliases: [processName] } } },
    HostConfig: {
      ...resourcesOf(spec.limits),
      NetworkMode: spec.network.name,
      CapDrop: ["ALL"],
      CapAdd: capabilities,
      SecurityOpt: ["no-new-privileges:true"],
      RestartPolicy: { Name: "no" },
      // The log is read from these files (container-outputs.ts), so it has to be this driver, unpacked
      LogConfig: {
        Type: "json-file",
        Config: {
          "max-size": spec.disk ? String(spec.disk.logFileBytes) : logMaxSize,
          "max-file": String(logFiles),
        },
      },
      // counted in the memory limit as it fills; exec, since runtimes unpack native modules there
      Tmpfs: { "/tmp": `rw,exec,nosuid,nodev,size=${tmpBytes},mode=1777` },
      ShmSize: tmpBytes,
      Ulimits: ulimitsOf(spec),
      ...(spec.disk?.readOnlyRoot ? { ReadonlyRootfs: true } : {}),
      ...(quotaBytes === null ? {} : { StorageOpt: { size: String(quotaBytes) } }),
      Mounts: [
        ...spec.volumes.map(({ name, mountPath }) => ({
          Type: "volume" as const,
          Source: name,
          Target: mountPath,
        })),
        // Docker would make these anyway, but without our labels
        ...imageVolumes
          .filter((path) => !taken.has(normalize(path)))
          .map((path) => ({
            Type: "volume" as const,
            Source: "",
            Target: path,
            VolumeOptions: { NoCopy: false, Labels: labels, DriverConfig: { Name: "local", Options: {} } },
          })),
      ],
      Init: true,
      IpcMode: "private",
      OomScoreAdj: 500,
    },
  };
};
