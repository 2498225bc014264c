import type { AppLogLine, LogSource, OutputLine, OutputReader } from "../domain/app-log.ts";
import type { Clock } from "../domain/clock.ts";
import type { LogLevel } from "../domain/deployment.ts";
import { guessLevel } from "../domain/guess-level.ts";
import type { FloodLimits } from "./deps.ts";
import type { SiteLog } from "./site-log.ts";

/** Of one container, while its output is collected. */
export interface Tracked {
  /** Of its container: what positions are kept by. */
  key: string;
  source: LogSource;
  reader: OutputReader;
  mask(text: string): string;
  /** Read, but not stored yet. */
  pending: OutputLine[];
  more: boolean;
  /** Sentences of Croft's own that go before the next lines. */
  notes: string[];
  /** Behind what is stored. */
  stored: string;
  lastLevel: Partial<Record<"stdout" | "stderr", LogLevel>>;
}

/** How much of an environment's output may still be taken in. */
export interface Allowance {
  bytes: number;
  atMs: number;
}

const readBytes = 128 * 1024;
/** The newest lines are taken in whatever came before: they say how it ended. */
const leastBytes = 64 * 1024;
/** What the engine writes about each line. */
const entryBytes = 75;

const refill = (allowance: Allowance, limits: FloodLimits, nowMs: number): void => {
  const passedMs = Math.max(0, nowMs - allowance.atMs);
  allowance.atMs = nowMs;
  allowance.bytes = Math.min(limits.burstBytes, allowance.bytes + (passedMs * limits.bytesPerSecond) / 1000);
};

const note = ({ source }: Tracked, atMs: number, text: string): AppLogLine => ({
  atMs,
  stream: "croft",
  level: "warning",
  replica: source.replicaId,
  release: source.release,
  process: source.process,
  text,
  cut: false,
});

const lineOf = (tracked: Tracked, line: OutputLine): AppLogLine => {
  const { source, lastLevel } = tracked;
  const text = tracked.mask(line.text);
  // A trace below an error is part of it.
  const goesOn = text.startsWith(" ") || text.startsWith("\t");
  const level = goesOn ? (lastLevel[line.stream] ?? "info") : guessLevel(text);
  lastLevel[line.stream] = level;
  return {
    atMs: line.atMs,
    stream: line.stream,
    level,
    replica: source.replicaId,
    release: source.release,
    process: source.process,
    text,
    cut: line.cut,
  };
};

const lostNote = "lines may be missing here: they were gone before they could be read";

/** Past what is too much, so that the rest is within the share. */
const passOver = async (tracked: Tracked, share: number, limits: FloodLimits): Promise<void> => {
  const { reader, notes } = tracked;
  if (tracked.pending.length > 0 || reader.backlogBytes() <= share) return;
  const dropped = await reader.skip(share);
  if (dropped > 0)
    notes.push(
      `${dropped.toLocaleString("en")} ${dropped === 1 ? "line" : "lines"} dropped: more than ${limits.bytesPerSecond / 1024} KB a second was printed`,
    );
};

/** How many lines of each are older than all that is still unread. */
const inOrder = (containers: readonly Tracked[]): Map<Tracked, number> => {
  let last: Tracked | undefined;
  let horizonMs = Number.POSITIVE_INFINITY;
  for (const one of containers) {
    const newest = one.pending.at(-1);
    if (!one.more || !newest || newest.atMs > horizonMs) continue;
    horizonMs = newest.atMs;
    last = one;
  }
  const counts = new Map<Tracked, number>();
  for (const one of containers) {
    const later = one.pending.findIndex((line) => line.atMs > horizonMs);
    // Of the one that sets the limit all, also when its clock jumped meanwhile.
    counts.set(one, one === last || later === -1 ? one.pending.length : later);
  }
  return counts;
};

const fill = async (tracked: Tracked, allowance: Allowance): Promise<void> => {
  // A piece may hold nothing but the rest of a line that was cut.
  while (tracked.more && tracked.pending.length === 0) {
    const { lines, more } = await tracked.reader.read(readBytes);
    tracked.more = more;
    tracked.pending = lines;
    for (const line of lines) allowance.bytes -= line.text.length + entryBytes;
  }
  if (tracked.reader.takeLost()) tracked.notes.push(lostNote);
};

/** What is to be stored of these, and where reading each container goes on behind it. */
const batchOf = (containers: readonly Tracked[], counts: ReadonlyMap<Tracked, number>, nowMs: number) => {
  const lines: AppLogLine[] = [];
  const positions: Record<string, string> = {};
  for (const one of containers) {
    const count = counts.get(one) ?? 0;
    const taken = one.pending.slice(0, count);
    const atMs = taken[0]?.atMs ?? nowMs;
    lines.push(...one.notes.map((text) => note(one, atMs, text)), ...taken.map((line) => lineOf(one, line)));
    positions[one.key] = !counts.has(one)
      ? one.stored
      : count === one.pending.length
        ? one.reader.position()
        : (taken.at(-1)?.position() ?? one.stored);
  }
  // Stable: what one container printed stays in its order.
  lines.sort((a, b) => a.atMs - b.atMs);
  return { lines, positions };
};

/**
 * Carries what an environment's containers printed since last time into its log, in the order of their times, within
 * the allowance. Each append also holds where reading goes on, so that a kill at any moment neither loses nor doubles
 * a line.
 * @returns whether anything was stored
 */
export const collect = async (
  siteLog: SiteLog,
  containers: readonly Tracked[],
  allowance: Allowance,
  limits: FloodLimits,
  clock: Clock,
): Promise<boolean> => {
  const changed = containers.filter((one) => one.pending.length > 0 || one.reader.changed());
  if (changed.length === 0) return false;
  refill(allowance, limits, clock.monotonicMs());
  const share = Math.max(leastBytes, allowance.bytes) / changed.length;
  for (const tracked of changed) {
    await passOver(tracked, share, limits);
    tracked.more = true;
  }
  for (let stored = false; ; stored = true) {
    for (const tracked of changed) await fill(tracked, allowance);
    const counts = inOrder(changed);
    const { lines, positions } = batchOf(containers, counts, clock.nowMs());
    if (lines.length === 0) return stored;
    await siteLog.append(lines, positions);
    for (const one of containers) {
      one.stored = positions[one.key]!;
      one.notes = [];
      one.pending = one.pending.slice(counts.get(one) ?? 0);
    }
    // The rest next time, when more may be allowed; whoever prints without end must not keep this from ending.
    if (allowance.bytes < -leastBytes) return true;
    await new Promise((resolve) => setImmediate(resolve));
  }
};
