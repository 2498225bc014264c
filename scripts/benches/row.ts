/** One figure beside one peer, measured in the same run. `ratio` is Croft over peer. */
export interface Row {
  group: string;
  name: string;
  value: number;
  unit: string;
  peer: string;
  peerValue: number;
  ratio: number;
  note: string;
}

/** Three significant digits below 100: more would be noise. */
const rounded = (value: number): number =>
  Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));

/** `ratio` of nothing to nothing is 1: as good as the peer. */
export const row = (name: string, figures: Omit<Row, "group" | "name" | "ratio">): Row => {
  const { value, peerValue } = figures;
  return {
    group: name.split("/")[0]!,
    name,
    value: rounded(value),
    unit: figures.unit,
    peer: figures.peer,
    peerValue: rounded(peerValue),
    ratio: value === peerValue ? 1 : Number((value / peerValue).toPrecision(3)),
    note: figures.note,
  };
};

export const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

export const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
};
