/**
 * What iptables-save(8) shows of our chains, less the counters, and whether they are asked before all other rules:
 * those before could let pass what ours hold back. Chains of other installations may come first.
 */
export const fingerprint = (saved: string, chains: readonly string[]): string[] => {
  const lines = saved.split("\n").map((line) => line.replace(/ \[\d+:\d+\]$/, ""));
  const isOurs = (line: string): boolean =>
    line.split(" ").some((word) => chains.includes(word.replace(/^:/, "")));
  const jumps = lines.filter(
    (line) => isOurs(line) && !chains.some((chain) => line.startsWith(`-A ${chain} `)),
  );
  const first = jumps.flatMap((jump) => {
    const parent = /^-A (\S+) /.exec(jump)?.[1];
    if (parent === undefined) return [];
    const before = lines.slice(0, lines.indexOf(jump)).filter((line) => line.startsWith(`-A ${parent} `));
    return before.every((line) => line.includes("-j CROFT-")) ? [`first: ${jump}`] : [];
  });
  return [...lines.filter(isOurs), ...first];
};

/** Whether something of what was in place is there no more. */
export const lacks = (present: readonly string[], placed: readonly string[]): boolean => {
  const there = new Set(present);
  return placed.some((line) => !there.has(line));
};
