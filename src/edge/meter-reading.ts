import type { RouteMeter } from "../domain/edge.ts";
import { meterReading, metersBytes } from "./client.ts";
import type { MeterStore } from "./meter-store.ts";
import { addMeter, type Meter, meterJson, readingOf } from "./meter.ts";
import type { Peers } from "./processes/peers.ts";
import { inSlices } from "./slices.ts";

/**
 * A `MeterReading` as JSON, put together without holding up others. What is told is on the disk first, and where the disk
 * is full nothing is told: the next process would begin with less, which looks as if all had been counted anew.
 */

interface Deps {
  meters: MeterStore;
  peers: Peers;
}

const whole = ({ epoch }: MeterStore, meters: string): string =>
  `{"epoch":${JSON.stringify(epoch)},"atMs":${Date.now()},"meters":${meters}}`;

/** What this process alone has counted. @throws when it cannot be stored */
export const ownReading = async ({ meters }: Pick<Deps, "meters">): Promise<string> => {
  await meters.saveGently();
  return whole(meters, meters.savedJson());
};

/**
 * Each process's counts once: as it answers, as the lead took them over, or as its file says. Nothing may be folded
 * meanwhile.
 * @throws when they cannot be stored
 */
export const readingOfAll = async ({ meters, peers }: Deps): Promise<string> => {
  const answers = await peers.askAll(meterReading, {
    method: "GET",
    path: "/meters",
    mostBytes: metersBytes,
  });
  const others: Iterable<[string, RouteMeter]>[] = [...answers.values()].map((it) =>
    Object.entries(it.meters),
  );
  others.push(...meters.unread(new Set(answers.keys())));
  const own = await ownReading({ meters });
  if (others.length === 0) return own;
  // Again, so that no request comes between the disk and the copy.
  meters.save();
  return whole(meters, await inSlices(adding(copyOf(meters.meters), others)));
};

const copyOf = (meters: ReadonlyMap<string, Meter>): Map<string, RouteMeter> =>
  new Map([...meters].map(([id, meter]) => [id, readingOf(meter)]));

function* adding(
  sum: Map<string, RouteMeter>,
  others: readonly Iterable<[string, RouteMeter]>[],
): Generator<void, string> {
  for (const other of others)
    for (const [id, meter] of other) {
      const into = sum.get(id);
      if (into === undefined) sum.set(id, meter);
      else addMeter(into, meter);
      yield;
    }
  const lines: string[] = [];
  for (const [id, meter] of sum) {
    lines.push(`${JSON.stringify(id)}:${JSON.stringify(meterJson(meter))}`);
    yield;
  }
  return `{${lines.join(",")}}`;
}
