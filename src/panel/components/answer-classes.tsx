/** @jsxImportSource hono/jsx */
import type { PathView } from "../../domain/path-usage.ts";
import { count, share } from "../format.ts";

const classes = [
  { name: "2xx", word: "answered", tone: "moss" },
  { name: "3xx", word: "sent elsewhere", tone: "sky" },
  { name: "4xx", word: "refused or not found", tone: "amber" },
  { name: "5xx", word: "failed", tone: "rust" },
] as const;

/** How all requests were answered, as one line of shares, with each in words under it. */
export const AnswerClasses = ({ paths }: { paths: PathView[] }) => {
  const sums = classes.map((one) => ({
    ...one,
    count: paths.reduce((sum, path) => sum + path.status[one.name], 0),
  }));
  const all = sums.reduce((sum, one) => sum + one.count, 0);
  let from = 0;
  return (
    <>
      <svg class="shares" width="100%" height="8" aria-hidden="true">
        {sums.map((one) => {
          const x = from;
          from += one.count / (all || 1);
          return (
            one.count > 0 && (
              <rect
                class={one.tone}
                x={`${(x * 100).toFixed(2)}%`}
                width={`${((one.count / all) * 100).toFixed(2)}%`}
                height="8"
              />
            )
          );
        })}
      </svg>
      <dl class="share-words">
        {sums.map((one) => (
          <div>
            <dt>
              <span class={`dot ${one.tone}`} /> {one.name} <span class="soft">{one.word}</span>
            </dt>
            <dd>
              {count(one.count)} {one.count > 0 && <span class="soft">{share(one.count, all)}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
};
