/** @jsxImportSource hono/jsx */
import { clockTime, exactTime, relativeTime } from "../format.ts";
import { useShell } from "../shell.ts";

/**
 * A time as people read it; the exact one is on hover. Without JavaScript relative or in UTC, with it in the
 * reader's own zone (islands/page.ts).
 */
export const Time = ({ at, show = "relative" }: { at: string; show?: "relative" | "clock" | "exact" }) => {
  const { nowMs } = useShell();
  const atMs = Date.parse(at);
  const text =
    show === "relative" ? relativeTime(atMs, nowMs) : show === "clock" ? clockTime(atMs) : exactTime(atMs);
  return (
    <time datetime={at} title={exactTime(atMs)} data-show={show}>
      {text}
    </time>
  );
};
