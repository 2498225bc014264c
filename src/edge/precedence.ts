import { writeFileSync } from "node:fs";
import type { Log } from "../domain/log.ts";

/**
 * Every request of every site passes the edge, and it has little to do for each: it goes before sites that keep the
 * processors busy. In ten steps of nice a process counts ten times as much (sched(7)).
 */
const nice = -10;

/** In front of its argv; not the edge's own to do, since it has no rights left by then. */
export const first = (): string[] => {
  const program = Bun.which("nice");
  return program === null ? [] : [program, "-n", String(nice)];
};

/**
 * Where no cgroups part the processors, kernels part them by session, and nice values count only within one
 * (sched(7), the autogroup feature): so the edge's session goes first, too. Without that feature there is nothing to do.
 */
export const goFirst = (pid: number, log: Log): void => {
  if (process.getuid!() !== 0) return;
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(nice), { flag: "r+" });
  } catch (error) {
    log.debug("the edge's session gets no precedence", { error });
  }
};
