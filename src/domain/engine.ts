import type { CommandEngine } from "./command-process.ts";
import type { ImageOnDisk } from "./housekeeping.ts";
import type { AppliedLimits } from "./limits.ts";

/** The values of the labels on everything that Croft makes in the engine (`croft.managed=true` beside them). */
export interface Ownership {
  site: string;
  environment: string;
  release: string;
  role: "site" | "build" | "helper";
}

export interface NetworkRef {
  name: string;
  /** CIDR of the environment's own small subnet. */
  subnet: string;
  /** Leads nowhere else: no way out, and none in but from what is on it. */
  internal?: boolean;
  /** Its containers may not begin connections to anywhere outside; held by the host's firewall. */
  closed?: boolean;
  /** What is on it does not reach what else is on it. */
  apart?: boolean;
}

/**
 * A named volume whose data lies in a folder of Croft's own data directory, so that backups and disk meters
 * reach it: Docker's local driver with `type=none, o=bind, device=<folder>`, labelled like everything else.
 */
export interface VolumeRef {
  name: string;
  folder: string;
}

/** What the kernel is asked to hold a container to. */
export interface ContainerLimits {
  memoryBytes: number;
  /** The quota: more than this it does not get even where cores are idle. */
  cpuMillicores: number;
  pids: number;
  /** What its share is measured by while cores are contended; the quota where it is left out. */
  weightMillicores?: number;
}

export interface ReplicaSpec {
  /** Container name, `croft-<replicaId>`. */
  name: string;
  imageId: string;
  owner: Ownership;
  replicaId: string;
  /** Others on the network reach it by this name; it is on its labels, too. `web` when left out. */
  process?: string;
  network: NetworkRef;
  env: Record<string, string>;
  /** Engine volumes made by `ensureVolume` before. */
  volumes: { name: string; mountPath: string }[];
  /** Run as `/bin/sh -c` inside the container; null keeps the image's own command. */
  startCommand: string | null;
  limits: ContainerLimits;
  /** Further networks, from the start on. */
  joins?: { network: string; aliases: readonly string[] }[];
  /** The engine's own bounds when left out. */
  disk?: ReplicaDisk;
  stopGraceSeconds: number;
}

/** What a container may leave on the disk. */
export interface ReplicaDisk {
  /** Of its writable layer; held where the engine can (`EngineDisk`). */
  layerBytes: number;
  /** A log file is rotated at this size. */
  logFileBytes: number;
  /** The longest file (RLIMIT_FSIZE); null: as long as there is room. */
  longestFileBytes: number | null;
  /** Nothing but volumes and /tmp can be written to. */
  readOnlyRoot: boolean;
}

/** What the engine's disk is, and whether it can hold writable layers to a size; `detail` is for people. */
export interface EngineDisk {
  layerQuota: boolean;
  detail: string;
  /** Where its data lies, when that is on this machine. */
  folder: string | null;
}

export interface ReplicaState {
  containerId: string;
  replicaId: string;
  running: boolean;
  /** Frozen by the engine: its processes stand still, and keep memory and address. `running` is true then, too. */
  paused: boolean;
  /** IPv4 address on the environment's network; null when not running. */
  address: string | null;
  /** All it is attached to, running or not; `aliases`: by which others there reach it. */
  networks: { name: string; aliases: readonly string[] }[];
  /** Host pid of the container's init process; null when not running. */
  pid: number | null;
  exitCode: number | null;
  oomKilled: boolean;
  startedAtMs: number | null;
  finishedAtMs: number | null;
}

/** A container that says that it belongs to a site, and is none of ours. */
export interface ForeignContainer {
  containerId: string;
  name: string;
  site: string;
  environment: string;
}

/** Cumulative readings of one running replica, from cgroup files. Null where this kernel does not offer one. */
export interface ReplicaReading {
  replicaId: string;
  /** Working set: usage less inactive file cache. */
  memoryBytes: number;
  cpuNanos: number;
  throttledNanos: number | null;
  pids: number | null;
  /** OOM kills of any process inside, also those that did not end the container. */
  oomKills: number | null;
  /** How often memory met its limit, so that the kernel had to reclaim some before it gave more. */
  memoryLimitHits: number | null;
  /** How long work stood still for want of memory: PSI of the cgroup, `some`. */
  memoryStallMicros: number | null;
}

/** How much of what is on disk is a replica's doing; grows for as long as it runs. Null where it cannot be told. */
export interface ReplicaWrites {
  replicaId: string;
  /** By its processes, to whatever disk. */
  writtenBytes: number | null;
  /** By the engine, of what it printed; a lower bound. */
  loggedBytes: number | null;
}

/** What all builds of the machine use together; see `ReplicaReading`, `ReplicaWrites`. */
export interface BuildsUse {
  cpuNanos: number;
  memoryBytes: number;
  pids: null;
  writtenBytes: number | null;
}

export interface BuildRequest {
  /** Build context folder; `.dockerignore` inside it is honoured. */
  contextDir: string;
  /** Dockerfile path relative to the context, or its text when generated. */
  dockerfile: { path: string } | { text: string };
  /** `croft/<site>:<anything>`: removeSite finds a site's images by this name. */
  tag: string;
  owner: Ownership;
  /** `diskBytes`: how far the free space of the engine's disk may fall meanwhile; not held when left out. */
  limits: ContainerLimits & { diskBytes?: number };
  network: NetworkRef;
  onLog(line: string): void;
  signal: AbortSignal;
}

export interface BuiltImage {
  /** `sha256:…`, content-addressed. */
  imageId: string;
  sizeBytes: number;
  layers: number;
}

export interface ImageFacts extends BuiltImage {
  repoTags: string[];
  repoDigests: string[];
  labels: Record<string, string>;
  exposedPorts: number[];
  onBuild: string[];
}

export type EngineEvent =
  | { kind: "die"; replicaId: string; containerId: string; exitCode: number; atMs: number }
  | { kind: "oom"; replicaId: string; containerId: string; atMs: number }
  | { kind: "start"; replicaId: string; containerId: string; atMs: number }
  /** Its limits were changed: by Croft itself or by hand. */
  | { kind: "updated"; replicaId: string; containerId: string; atMs: number }
  /** It was paused, let go on, or removed: by Croft itself or by hand. */
  | { kind: "touched"; replicaId: string; containerId: string; atMs: number }
  /** The event stream ended or began anew: states may have changed unseen. */
  | { kind: "disconnected" }
  | { kind: "connected" };

/**
 * A container engine. Docker is the first. Every method throws AppError `engine_unavailable` when the engine
 * does not answer within its deadline, and leaves things that Croft did not make alone.
 */
export interface Engine extends CommandEngine {
  /** Version and kernel facts; throws `engine_unavailable`. */
  info(): Promise<EngineInfo>;
  /** Calls back until the signal aborts; reconnects by itself with back-off. */
  watch(onEvent: (event: EngineEvent) => void, signal: AbortSignal): void;

  /** Makes the network and its firewall rules, or finds them. Idempotent. */
  ensureNetwork(network: NetworkRef, owner: Ownership): Promise<void>;
  removeNetwork(name: string): Promise<void>;
  /**
   * Puts a replica on one more network, or back on its own, known there by the aliases. Idempotent.
   * @throws AppError `not_found` when container or network is gone, `conflict` when the network has no room
   */
  joinNetwork(replicaId: string, network: string, aliases?: readonly string[]): Promise<void>;
  /** Takes a replica off a network that it joined. Idempotent. */
  leaveNetwork(replicaId: string, network: string): Promise<void>;
  /**
   * Puts host firewall rules back for all given networks: no host ports, no other sites, no private ranges.
   * @returns true when rules that had been in place were gone
   */
  ensureFirewall(networks: NetworkRef[]): Promise<boolean>;

  /** Makes the volume, or finds it. Idempotent. The folder exists already. */
  ensureVolume(volume: VolumeRef, owner: Ownership): Promise<void>;
  /** Removes the engine's volume; the folder is the caller's to remove. Idempotent. */
  removeVolume(name: string): Promise<void>;

  /** Creates and starts. The container is removed again when the start fails. `deploy_failed` with the reason. */
  startReplica(spec: ReplicaSpec): Promise<ReplicaState>;
  /** Starts a replica's existing container again, or lets a paused one go on. `not_found` when it is gone. */
  restartReplica(replicaId: string): Promise<ReplicaState>;
  /** SIGTERM, then SIGKILL after the grace. Keeps the container. Idempotent. */
  stopReplica(replicaId: string, graceSeconds: number): Promise<void>;
  /**
   * Freezes all processes of a running replica; connections to it are still taken, and answered once it goes on.
   * Idempotent. @throws AppError `conflict` when it does not run, `not_found` when it is gone
   */
  pauseReplica(replicaId: string): Promise<void>;
  /** Lets a frozen replica go on. Idempotent. @throws as `pauseReplica` */
  unpauseReplica(replicaId: string): Promise<void>;
  /**
   * Has the kernel take back what memory of a replica it can without the processes' help: file cache, and the rest
   * where there is swap. @returns null where it cannot be asked to, or the replica does not run
   */
  reclaimMemory(replicaId: string): Promise<{ beforeBytes: number; afterBytes: number } | null>;
  /** Removes the container and its anonymous volumes, killing it if needed. Idempotent. */
  removeReplica(replicaId: string): Promise<void>;
  /** All replicas that Croft made, running or not. */
  listReplicas(): Promise<ReplicaState[]>;
  /** Containers that carry Croft's labels and were not made by Croft, as the last `listReplicas` has seen them. */
  foreignContainers(): ForeignContainer[];
  inspectReplica(replicaId: string): Promise<ReplicaState | null>;
  updateLimits(replicaId: string, limits: ContainerLimits): Promise<void>;
  /**
   * These replicas get a processor only while no other container wants it, all others as their share says; where the
   * kernel can do that. @returns those that yield no more: their limits must be set anew
   */
  letOthersFirst(replicaIds: ReadonlySet<string>): string[];
  /** What the kernel really holds this replica to, read from its cgroup files; null when it does not run. */
  appliedLimits(replicaId: string): Promise<AppliedLimits | null>;
  /** Cgroup readings of all running replicas in one pass, without asking the engine per replica. */
  readings(): Promise<ReplicaReading[]>;
  /**
   * What the replicas that `readings` knows have written so far.
   * @param byProcesses also what their processes wrote: dearer, since each of them is looked at
   */
  writes(byProcesses: boolean): Promise<ReplicaWrites[]>;
  /** Where the engine keeps images and containers, as this host sees it; null when it is another machine's. */
  dataFolder(): Promise<string | null>;
  /**
   * Bytes on disk of the writable layer and of the log files, of a replica or of a one-off. At idle priority, and slow for many files; `urgent` is
   * counted at once.
   */
  diskUsage(
    replicaId: string,
    options?: { urgent?: boolean },
  ): Promise<{ writableBytes: number; logBytes: number } | null>;
  /** How long files of a running replica may get. @returns false where only a restart can change it */
  setLongestFile(replicaId: string, bytes: number): Promise<boolean>;
  /** Asked of the engine now and then only. */
  diskFacts(): Promise<EngineDisk>;
  /** The last lines the replica printed, oldest first. */
  logTail(replicaId: string, lines: number): Promise<string[]>;
  /**
   * Follows what the replica prints from `sinceMs` on, until it ends or the signal aborts. While what `onLine`
   * returned is pending, nothing more is read.
   */
  followLogs(
    replicaId: string,
    sinceMs: number,
    onLine: (line: string) => unknown,
    signal: AbortSignal,
  ): Promise<void>;
  /** TCP ports that processes inside listen on, with whether only on loopback. Read from /proc of the replica. */
  listeningPorts(replicaId: string): Promise<{ port: number; loopbackOnly: boolean }[]>;

  /** Throws `deploy_failed` with the builder's own message; the log went to `onLog`. Abort removes the build container. */
  build(request: BuildRequest): Promise<BuiltImage>;
  /** Null where it cannot be told. @param byProcesses also what they write, which costs more to know */
  useOfBuilds(byProcesses: boolean): Promise<BuildsUse | null>;
  /** Local facts by reference or id; null when not present. */
  inspectImage(reference: string): Promise<ImageFacts | null>;
  /** Pulls when a registry answers; `deploy_failed` otherwise. */
  pullImage(reference: string, onLog: (line: string) => void, signal: AbortSignal): Promise<void>;
  tagImage(imageId: string, tag: string): Promise<void>;
  /** All tags in Croft's own namespace, `croft/<site>:<anything>`, of whatever installation. */
  siteImageTags(): Promise<string[]>;
  /**
   * Removes layers and stages that builds on this network left longer ago than that, and no image needs any more.
   * @returns bytes
   */
  pruneBuildCache(network: string, unusedForSeconds: number): Promise<number>;
  /** All images, Croft's and others', with what each alone takes. */
  imagesOnDisk(): Promise<ImageOnDisk[]>;
  /** Removes the tag; a release's image goes when nothing else names it. Idempotent. */
  removeImage(reference: string): Promise<void>;
  /** Removes everything labelled with this site: containers, networks, images. Volumes only when told. */
  removeSite(site: string, options: { volumes: boolean }): Promise<void>;
}

export interface EngineInfo {
  version: string;
  cgroupVersion: 1 | 2;
  storageDriver: string;
  backingFilesystem: string;
  cores: number;
  memoryBytes: number;
  /** Builder in use, for people: which bounds it holds. */
  builder: string;
  /** Whether host firewall rules keep containers from the host and from one another; `detail` is for people. */
  firewall: { holds: boolean; detail: string };
}
