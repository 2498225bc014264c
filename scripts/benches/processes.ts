import { readFileSync, readdirSync } from "node:fs";

const kiB = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);

/**
 * Memory in MB: what the process has to itself, and its share of what others use too (PSS of proc(5),
 * smaps_rollup); beside it what it holds in all (RSS).
 */
export const memoryOf = (pid: number): { pssMb: number; rssMb: number } => {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return { pssMb: kiB(text, "Pss") * 0.001024, rssMb: kiB(text, "Rss") * 0.001024 };
};

const ticksPerSecond = 100;

/** Seconds of CPU that the process has used, with the children it has waited for (proc(5), fields 14 to 17). */
export const cpuSecondsOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) / ticksPerSecond;
};

/** The same to the nanosecond, of its threads that still run (schedstats, Documentation/scheduler/sched-stats.rst). */
export const preciseCpuSecondsOf = (pid: number): number => {
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]);
  return nanos / 1e9;
};

/** Pids of all processes of that name. */
export const pidsNamed = (name: string): number[] =>
  readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      return readFileSync(`/proc/${entry}/comm`, "latin1").trim() === name ? Number(entry) : [];
    } catch {
      return [];
    }
  });
