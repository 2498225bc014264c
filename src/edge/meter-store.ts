import { rmSync } from "node:fs";
import { join } from "node:path";
import { fineBucketOf, latencyOfText, latencyText } from "../domain/latency-histogram.ts";
import type { Log } from "../domain/log.ts";
import { readChecked, writeAtomically, writeAtomicallyAside } from "./atomic-file.ts";
import { addMeter, createMeter, type Meter } from "./meter.ts";
import { namesIn } from "./processes/folder.ts";
import { isLiving, isProcessId, type ProcessId } from "./processes/identity.ts";
import { atOnce, inSlices } from "./slices.ts";

/**
 * Counters that survive the process: each process of the edge writes a file of its own at most once a second, so a
 * kill loses at most a second. What has been counted in all is the sum of the files, each counted once: the lead
 * takes over the counts of processes that ended, notes their names together with the sum, and only then removes
 * their files.
 */
export interface MeterStore {
  readonly epoch: string;
  readonly meters: Map<string, Meter>;
  /** Writes when something was counted since the last time. */
  save(): void;
  /**
   * The same without holding up others, for when there are many sites. What has been counted when it is called is on
   * the disk when it returns; it throws when that cannot be.
   */
  saveGently(): Promise<void>;
  /** What was saved last, as an object in JSON of what others read of each meter; `active` is of now. */
  savedJson(): string;
  /** Takes over what processes that ended have counted. For the lead alone, while no sum is being made. */
  fold(): void;
  /** Of processes that neither answered nor were folded: what their files say. */
  unread(answered: ReadonlySet<ProcessId>): Map<string, Meter>[];
}

/**
 * On disk without what is only true now (`active`), latency as `latencyText`. Earlier edges kept pairs of bucket and
 * count in the first scheme.
 */
type StoredMeter = Omit<Meter, "active" | "latency"> & {
  latency: string | [bucket: number, count: number][];
};

interface Stored {
  epoch: string;
  /** Processes whose counts are in `meters`: their files, if still there, count no more. */
  folded: ProcessId[];
  meters: Record<string, StoredMeter>;
}

const nameOf = (id: ProcessId): string => `meters-${id}.json`;
/** Of versions that ran as one process only. */
const formerName = "meters.json";

const idsIn = (dir: string): ProcessId[] =>
  namesIn(dir)
    .filter((name) => name.startsWith("meters-") && name.endsWith(".json"))
    .map((name) => name.slice("meters-".length, -".json".length))
    .filter(isProcessId);

/**
 * @param epoch of the processes that are there already; null when there are none: then the counts on disk go on
 */
export const openMeterStore = (
  dir: string,
  own: ProcessId,
  log: Log,
  wallMs: number,
  epoch: string | null,
): MeterStore => {
  const meters = new Map<string, Meter>();
  const folded = new Set<ProcessId>();
  const begun = epoch === null ? beginFromDisk(dir, log) : { epoch, former: null };
  // The first save always writes, so that an epoch once told is never forgotten.
  let written = -1;
  /** Of each meter as it was saved last: most have not counted since. */
  const texts = new Map<string, { counted: number; text: string }>();
  /** How often saving has begun: what was begun before another one is not written over it. */
  let saves = 0;
  let saving: Promise<void> = Promise.resolve();

  const take = (stored: Stored): void => {
    for (const [id, meter] of Object.entries(stored.meters)) {
      const from = revive(meter, wallMs);
      const into = meters.get(id);
      if (into === undefined) meters.set(id, from);
      else {
        addMeter(into, from);
        into.seenAtMs = Math.max(into.seenAtMs, from.seenAtMs);
      }
    }
  };
  const read = (id: ProcessId): Stored | null => {
    const path = join(dir, nameOf(id));
    const found = readChecked(path);
    if (found.found === "yes") {
      const stored = JSON.parse(found.text) as Stored;
      return stored.epoch === begun.epoch ? stored : null;
    }
    if (found.found === "torn")
      log.error("what an edge process has counted is damaged and is lost", { path });
    return null;
  };

  const path = join(dir, nameOf(own));

  function* freezing(): Generator<void, void> {
    for (const [id, meter] of meters) {
      const counted = countedBy(meter);
      if (texts.get(id)?.counted === counted) continue;
      texts.set(id, { counted, text: JSON.stringify(freeze(meter)) });
      yield;
    }
    for (const id of texts.keys()) if (!meters.has(id)) texts.delete(id);
  }
  /** Of what is frozen. */
  const content = (): string => {
    const { epoch } = begun;
    const lines = [...texts].map(
      ([id, { text }]) =>
        `${JSON.stringify(id)}:{"seenAtMs":${meters.get(id)?.seenAtMs ?? 0},${text.slice(1)}`,
    );
    return `{"epoch":${JSON.stringify(epoch)},"folded":${JSON.stringify([...folded])},"meters":{${lines.join(",")}}}`;
  };

  const save = (): void => {
    const sum = sumOf(meters) + folded.size;
    if (sum === written) return;
    saves++;
    atOnce(freezing());
    writeAtomically(path, content(), false);
    written = sum;
  };
  const saveNext = async (): Promise<void> => {
    const sum = sumOf(meters) + folded.size;
    if (sum === written) return;
    const turn = ++saves;
    await inSlices(freezing());
    if (turn === saves) await writeAtomicallyAside(path, content(), false, () => turn === saves);
    if (turn === saves) written = sum;
    // Another one came between; it may have failed.
    else if (written < sum) throw new Error("what was counted could not be stored");
  };

  /** Of the others' files: what each holds, and whose counts are part of another sum. */
  const readOthers = () => {
    const stored = new Map(
      idsIn(dir)
        .filter((id) => id !== own)
        .map((id) => [id, read(id)] as const),
    );
    const counted = new Set(folded);
    for (const one of stored.values()) for (const id of one?.folded ?? []) counted.add(id);
    return { stored, counted };
  };

  if (begun.former !== null) take(begun.former);
  return {
    epoch: begun.epoch,
    meters,
    save,
    saveGently() {
      saving = saving.catch(() => {}).then(saveNext);
      return saving;
    },
    savedJson() {
      const lines = [...texts].map(
        ([id, { text }]) => `${JSON.stringify(id)}:{"active":${meters.get(id)?.active ?? 0},${text.slice(1)}`,
      );
      return `{${lines.join(",")}}`;
    },
    fold() {
      const { stored, counted } = readOthers();
      const dead = [...stored.keys()].filter((id) => !isLiving(id));
      if (dead.length === 0 && begun.former === null) return;
      for (const id of dead) {
        const one = stored.get(id);
        if (one != null && !counted.has(id)) take(one);
        folded.add(id);
      }
      // Remembered as long as their files are there, also those that the folded ones had folded.
      for (const id of counted) if (stored.has(id)) folded.add(id);
      for (const id of folded) if (!stored.has(id)) folded.delete(id);
      written = -1;
      try {
        save();
      } catch (error) {
        // A full disk: they are counted here, and stay there until that can be written.
        log.error("storing the meters failed", { error });
        return;
      }
      begun.former = null;
      rmSync(join(dir, formerName), { force: true });
      for (const id of dead)
        for (const rest of ["", ".new", ".next"]) rmSync(join(dir, nameOf(id)) + rest, { force: true });
    },
    unread(answered) {
      const { stored, counted } = readOthers();
      const left: Map<string, Meter>[] = [];
      for (const [id, one] of stored)
        if (one !== null && !answered.has(id) && !counted.has(id))
          left.push(new Map(Object.entries(one.meters).map(([name, it]) => [name, revive(it, wallMs)])));
      return left;
    },
  };
};

/** The life of the counters that goes on, or a new one; and what a version that ran as one process has left. */
const beginFromDisk = (dir: string, log: Log): { epoch: string; former: Stored | null } => {
  const ids = idsIn(dir);
  const paths = ids.length > 0 ? ids.map((id) => join(dir, nameOf(id))) : [join(dir, formerName)];
  const stored: Stored[] = [];
  for (const path of paths) {
    const read = readChecked(path);
    if (read.found === "yes") stored.push(JSON.parse(read.text) as Stored);
    if (read.found !== "torn") continue;
    // The sum without it would be smaller than what was told before.
    log.error("the stored meters are damaged; counting begins anew", { path });
    for (const each of paths) rmSync(each, { force: true });
    stored.length = 0;
    break;
  }
  // Names of lives sort by their time.
  const epoch =
    stored
      .map((one) => one.epoch)
      .sort()
      .at(-1) ?? Bun.randomUUIDv7();
  return { epoch, former: ids.length === 0 && stored[0] !== undefined ? stored[0] : null };
};

/** Changes with anything that is counted: every sum only grows. */
const countedBy = (meter: Meter): number =>
  meter.requests + meter.bytesIn + meter.bytesOut + meter.latencySumMs;

const sumOf = (meters: Map<string, Meter>): number => {
  let sum = meters.size;
  for (const meter of meters.values()) sum += countedBy(meter);
  return sum;
};

/** Without `seenAtMs`, which changes while nothing is counted. */
const freeze = ({ active: _, seenAtMs: __, latency, ...rest }: Meter): Omit<StoredMeter, "seenAtMs"> => ({
  ...rest,
  latency: latencyText(latency),
});

const revive = ({ latency, ...rest }: StoredMeter, wallMs: number): Meter => {
  const meter = { ...createMeter(wallMs), ...rest };
  if (typeof latency === "string") meter.latency = latencyOfText(latency);
  else for (const [bucket, count] of latency) meter.latency[fineBucketOf(bucket)]! += count;
  return meter;
};
