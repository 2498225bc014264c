import type { Meter } from "../meter.ts";
import type { ActiveRoute, Edge } from "../state.ts";
import { cellOf, routeCells, type SharedMemory } from "./memory.ts";

/** A route's cells in the columns of all processes. */
export interface RouteShare {
  readonly memory: SharedMemory;
  readonly at: number;
}

/** Null where there is no room: the route's limits then hold for each process by itself. */
export const routeShare = (memory: SharedMemory, routeId: string): RouteShare | null => {
  if (memory.column < 0) return null;
  const { at } = cellOf(memory.routeKeys, routeId);
  return at < 0 ? null : { memory, at };
};

/**
 * Tells the others how many requests are served here; those that wait for a target are not yet. Absolute, so that a lost
 * word does no harm; told before the others are asked, so that of two who come at once at least one sees the other.
 * @returns what was told
 */
export const tellServing = (edge: Edge, { share, meter, route }: ActiveRoute): number => {
  const serving = edge.held.size === 0 ? meter.active : meter.active - (edge.held.get(route.id)?.size ?? 0);
  if (share !== null)
    Atomics.store(share.memory.active, share.memory.column * routeCells + share.at, serving);
  return serving;
};

/** Requests that the other processes serve. */
export const othersServing = (share: RouteShare | null): number => {
  if (share === null) return 0;
  const { memory, at } = share;
  let sum = 0;
  const used = memory.columnsUsed[0]!;
  for (let column = 0; column < used; column++)
    if (column !== memory.column) sum += Atomics.load(memory.active, column * routeCells + at);
  return sum;
};

/** Tells the others how many bytes were counted here. @returns how many they have counted */
export const exchangeBytes = ({ memory, at }: RouteShare, meter: Meter): number => {
  memory.bytes[memory.column * routeCells + at] = meter.bytesIn + meter.bytesOut;
  let sum = 0;
  const used = memory.columnsUsed[0]!;
  for (let column = 0; column < used; column++)
    if (column !== memory.column) sum += memory.bytes[column * routeCells + at]!;
  return sum;
};

/** Tells the others all that is counted here, and hears what they have counted. To be called some times a second. */
export const shareCounts = (edge: Edge): void => {
  for (const target of edge.router.byId.values()) {
    if (target.share === null) continue;
    tellServing(edge, target);
    target.bandwidth.othersBytes = exchangeBytes(target.share, target.meter);
  }
};
