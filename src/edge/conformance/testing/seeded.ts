/** Numbers that come again with the same seed (mulberry32), so that a failed trial can be repeated alone. */
export interface Seeded {
  /** An integer from 0 up to, not including, `below`. */
  below(limit: number): number;
  /** True once in `times`. */
  once(times: number): boolean;
  pick<T>(list: readonly T[]): T;
}

export const seeded = (seed: number): Seeded => {
  let state = Math.imul(seed, 0x9e3779b1);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { below, once: (times) => below(times) === 0, pick: (list) => list[below(list.length)]! };
};

/** Trials of a long test: the short form, or with `CROFT_SOAK=1` the full one. */
export const trials = (short: number, full: number): number =>
  Number(process.env["CROFT_FUZZ_ROUNDS"] ?? (process.env["CROFT_SOAK"] === "1" ? full : short));

/** The first trial's seed. */
export const firstSeed = (): number => Number(process.env["CROFT_FUZZ_SEED"] ?? 1);
