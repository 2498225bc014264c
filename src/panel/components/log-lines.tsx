/** @jsxImportSource hono/jsx */
import type { LogLineView } from "../../domain/views.ts";
import { parseAnsi } from "../ansi.ts";
import { sourceWord } from "../words.ts";
import { clockTime, exactTime } from "../format.ts";

/** Text of a log line: colours as classes, everything else as text. */
export const LogText = ({ text }: { text: string }) => (
  <>
    {parseAnsi(text).map((run) => (run.tone ? <span class={`ansi-${run.tone}`}>{run.text}</span> : run.text))}
  </>
);

/** Lines of a deployment's log. The live ones are added below by islands/deployment.tsx, in the same shape. */
export const LogLines = ({ lines }: { lines: LogLineView[] }) => (
  <>
    {lines.map((line) => (
      <li class={line.level === "info" || line.level === "debug" ? undefined : line.level}>
        <time datetime={line.at} title={exactTime(Date.parse(line.at))} data-show="clock">
          {clockTime(Date.parse(line.at))}
        </time>
        <span class="source">{sourceWord(line.source)}</span>
        <span class="text">
          <LogText text={line.message} />
        </span>
      </li>
    ))}
  </>
);
