/** @jsxImportSource hono/jsx */
import { percent } from "../format.ts";

/** Colour by how near the limit is. */
export const meterTone = (share: number): "moss" | "amber" | "rust" =>
  share >= 100 ? "rust" : share >= 80 ? "amber" : "moss";

/** The bar alone; what it says stands beside it as text. */
export const Bar = ({ used, limit }: { used: number | null; limit: number }) => {
  const share = used === null ? 0 : percent(used, limit);
  return (
    <svg class={`bar ${meterTone(share)}`} aria-hidden="true" focusable="false">
      {share > 0 && <rect width={`${Math.min(100, share)}%`} height="5" rx="2.5" />}
    </svg>
  );
};

/** `Memory … 82 of 128 MB` over its bar. */
export const Meter = (props: {
  label: string;
  text: string;
  used: number | null;
  limit: number;
  note?: string;
}) => (
  <div class="meter">
    <dt>{props.label}</dt>
    <dd>
      {props.text}
      {props.note && <small> {props.note}</small>}
    </dd>
    <Bar used={props.used} limit={props.limit} />
  </div>
);

/** `mem 42%` over its bar, for table rows. */
export const SmallMeter = ({
  label,
  used,
  limit,
  title,
}: {
  label: string;
  used: number | null;
  limit: number;
  title: string;
}) => (
  <span class="small-meter" title={title}>
    <span>{label}</span>
    <span class="num">{used === null ? "–" : `${percent(used, limit)}%`}</span>
    <Bar used={used} limit={limit} />
  </span>
);
