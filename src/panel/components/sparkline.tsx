/** @jsxImportSource hono/jsx */
import type { Tone } from "../words.ts";

/** The shape of the last hours without figures; the figure stands in its own column. */
export const Sparkline = ({ values, tone, label }: { values: number[]; tone: Tone; label: string }) => {
  if (values.length < 2) return <span class="soft">–</span>;
  const top = Math.max(...values, 1);
  const points = values
    .map(
      (value, i) => `${((i / (values.length - 1)) * 110).toFixed(0)},${(22 - (value / top) * 20).toFixed(1)}`,
    )
    .join(" ");
  return (
    <svg class={`spark ${tone}`} viewBox="0 0 110 24" width="110" height="24" role="img" aria-label={label}>
      <polyline points={points} />
    </svg>
  );
};
