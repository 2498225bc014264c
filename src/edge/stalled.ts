import type { Outlet } from "./byte-socket.ts";
import { takenBytes } from "./kernel-buffers.ts";

/**
 * Whether nobody has taken a byte of what is pending for `stallMs`, or up to half of that longer. The kernel asks for
 * bytes in large helpings, and seldom for who reads slowly: whether such a one reads at all, the kernel is asked.
 * To be called again and again while something is pending.
 */
export const isStalled = (outlet: Outlet, nowMs: number, stallMs: number): boolean => {
  const { movedAtMs, socket, seen } = outlet;
  if (seen === null || seen.movedAtMs !== movedAtMs)
    outlet.seen = { movedAtMs, takenBytes: takenBytes(socket) };
  else if (nowMs - movedAtMs >= stallMs / 2) {
    const taken = takenBytes(socket);
    if (taken !== null && seen.takenBytes !== null && taken > seen.takenBytes) {
      outlet.movedAtMs = nowMs;
      return false;
    }
  }
  return nowMs - movedAtMs >= stallMs;
};
