import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../domain/log.ts";
import type { ProcessId } from "../processes/identity.ts";

/**
 * What the processes of an edge count together, in memory that all of them map: limits hold for their sum, and go on
 * over hand-overs and restarts. A process that is killed at any moment leaves nothing locked, since each cell is changed
 * by one atomic operation, and most are written by one process only: its column.
 */
export interface SharedMemory {
  /** Of rate limits: route and limit. 0 is free. */
  readonly bucketKeys: BigInt64Array;
  /** When each bucket would be full, in units of its own (`rate-bucket`). */
  readonly buckets: Int32Array;
  /** Of limits for one visitor (`client-limiter`). 0 is free. */
  readonly clientKeys: Int32Array;
  readonly clientTimes: Int32Array;
  /** One number, for hashes that nobody outside can foresee. */
  readonly secret: BigUint64Array;
  readonly routeKeys: BigInt64Array;
  /** Process of each column. */
  readonly owners: BigInt64Array;
  /** Requests in flight, by column and route. */
  readonly active: Int32Array;
  /** Bytes counted, by column and route. */
  readonly bytes: Float64Array;
  /** Columns that were ever used, from the first. */
  readonly columnsUsed: Int32Array;
  /** This process's; -1 when there was none left. */
  column: number;
  /** From this process's monotonic clock to one that all processes have in common, in ms. */
  clockOffsetMs: number;
}

export const routeCells = 4_096;
export const columns = 64;
const clientCells = 65_536;
const headBytes = 64;
const bootAt = 8;
const secretAt = 48;
const bytesInAll =
  headBytes +
  columns * 8 +
  routeCells * 8 * 2 +
  routeCells * 4 +
  columns * routeCells * (4 + 8) +
  clientCells * 8;

/** Grows with every change of the layout, so that builds with different ones never share. */
const fileName = "limits-1.bin";

const viewsOf = (buffer: ArrayBufferLike): SharedMemory => {
  let at = headBytes;
  const take = (bytes: number): number => {
    at += bytes;
    return at - bytes;
  };
  return {
    columnsUsed: new Int32Array(buffer, 0, 1),
    secret: new BigUint64Array(buffer, secretAt, 1),
    owners: new BigInt64Array(buffer, take(columns * 8), columns),
    bucketKeys: new BigInt64Array(buffer, take(routeCells * 8), routeCells),
    routeKeys: new BigInt64Array(buffer, take(routeCells * 8), routeCells),
    bytes: new Float64Array(buffer, take(columns * routeCells * 8), columns * routeCells),
    buckets: new Int32Array(buffer, take(routeCells * 4), routeCells),
    active: new Int32Array(buffer, take(columns * routeCells * 4), columns * routeCells),
    clientKeys: new Int32Array(buffer, take(clientCells * 4), clientCells),
    clientTimes: new Int32Array(buffer, take(clientCells * 4), clientCells),
    column: 0,
    clockOffsetMs: 0,
  };
};

/** Of one process alone. */
export const privateMemory = (): SharedMemory => {
  const memory = viewsOf(new ArrayBuffer(bytesInAll));
  crypto.getRandomValues(memory.secret);
  return memory;
};

/**
 * The folder's shared memory, made when it is missing or of another boot (its times then mean nothing). Where it cannot
 * be had, each process counts for itself, which is said in the log.
 * @param alone nobody else uses it: what processes have left in it is past, buckets aside
 */
export const openShared = (dir: string, own: ProcessId, log: Log, alone: boolean): SharedMemory => {
  const path = join(dir, fileName);
  let memory: SharedMemory;
  try {
    if (!isUsable(path)) create(path);
    memory = viewsOf(Bun.mmap(path, { shared: true }).buffer);
  } catch (error) {
    log.error("limits hold for each edge process by itself: there is no shared memory", { path, error });
    return privateMemory();
  }
  if (alone) {
    for (const cells of [memory.owners, memory.routeKeys]) cells.fill(0n);
    for (const cells of [memory.active, memory.bytes, memory.columnsUsed]) cells.fill(0);
  }
  memory.column = claimColumn(memory, hashOf(own));
  if (memory.column < 0)
    log.error("limits of this edge process hold by themselves: too many processes", { dir });
  setClock(memory);
  return memory;
};

const boot = (): Buffer =>
  Buffer.from(readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim(), "latin1");

const isUsable = (path: string): boolean => {
  if (statSync(path, { throwIfNoEntry: false })?.size !== bytesInAll) return false;
  return boot().equals(readFileSync(path).subarray(bootAt, bootAt + 36));
};

/** Written out: a hole that finds no room when it is first touched would end the process (SIGBUS). */
const create = (path: string): void => {
  const content = Buffer.alloc(bytesInAll);
  boot().copy(content, bootAt);
  crypto.getRandomValues(content.subarray(secretAt, secretAt + 8));
  const beside = `${path}.new`;
  try {
    writeFileSync(beside, content, { mode: 0o600 });
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
};

/** Never 0, which is free. */
export const hashOf = (text: string): bigint => BigInt.asIntN(64, BigInt(Bun.hash(text))) || 1n;

const claimColumn = ({ owners, columnsUsed, active, bytes }: SharedMemory, key: bigint): number => {
  for (let column = 0; column < columns; column++) {
    if (Atomics.compareExchange(owners, column, 0n, key) !== 0n) continue;
    active.fill(0, column * routeCells, (column + 1) * routeCells);
    bytes.fill(0, column * routeCells, (column + 1) * routeCells);
    for (;;) {
      const used = Atomics.load(columnsUsed, 0);
      if (used > column || Atomics.compareExchange(columnsUsed, 0, used, column + 1) === used) return column;
    }
  }
  return -1;
};

/** Gives back the columns of processes that are gone. To be called once their counts are part of another column. */
export const freeColumns = (
  { owners, columnsUsed, active, bytes, column: own }: SharedMemory,
  living: readonly ProcessId[],
): void => {
  const keys = new Set(living.map(hashOf));
  for (let column = 0; column < Atomics.load(columnsUsed, 0); column++) {
    const key = Atomics.load(owners, column);
    if (column === own || key === 0n || keys.has(key)) continue;
    active.fill(0, column * routeCells, (column + 1) * routeCells);
    bytes.fill(0, column * routeCells, (column + 1) * routeCells);
    Atomics.compareExchange(owners, column, key, 0n);
  }
};

/** How many processes there are. */
export const sharersOf = ({ owners, columnsUsed }: SharedMemory): number => {
  let count = 0;
  for (let column = 0; column < columnsUsed[0]!; column++) if (owners[column] !== 0n) count++;
  return Math.max(1, count);
};

const clockSlackMs = 50;

/**
 * Follows the kernel's time since the boot (proc_uptime(5), in steps of 10 ms), which passes during a suspension as
 * this process's own clock may not.
 */
export const setClock = (memory: SharedMemory): void => {
  const uptimeMs = Number.parseFloat(readFileSync("/proc/uptime", "latin1")) * 1000;
  const offsetMs = uptimeMs - performance.now();
  if (Math.abs(offsetMs - memory.clockOffsetMs) > clockSlackMs) memory.clockOffsetMs = offsetMs;
};

const probes = 32;

/**
 * The cell of a key, taken for it when it has none.
 * @returns its index, and whether it is new; -1 when there is no room
 */
export const cellOf = (keys: BigInt64Array, text: string): { at: number; isNew: boolean } => {
  const key = hashOf(text);
  const start = Number(BigInt.asUintN(32, key)) % routeCells;
  // All are looked at before one is taken: others may have been given back since.
  for (let i = 0; i < probes; i++) {
    const at = (start + i) % routeCells;
    if (Atomics.load(keys, at) === key) return { at, isNew: false };
  }
  for (let i = 0; i < probes; i++) {
    const at = (start + i) % routeCells;
    const before = Atomics.compareExchange(keys, at, 0n, key);
    if (before === 0n || before === key) return { at, isNew: before === 0n };
  }
  return { at: -1, isNew: true };
};

/** Gives back the cells of all but these. Only while nobody else uses the memory. */
export const keepCells = (keys: BigInt64Array, texts: Iterable<string>): void => {
  const kept = new Set([...texts].map(hashOf));
  for (let at = 0; at < keys.length; at++) if (!kept.has(keys[at]!)) keys[at] = 0n;
};
