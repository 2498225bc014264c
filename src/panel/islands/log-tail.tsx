/** @jsxImportSource preact */
import { Component, render } from "preact";
import { parseAnsi } from "../ansi.ts";
import { sourceWord } from "../words.ts";
import { localClock, localExact } from "./local-times.ts";

export interface TailLine {
  seq: number;
  text: string;
  /** Null where the line has no time and source of its own. */
  head: { at: string; source: string; level: string } | null;
}

const Line = ({ line: { text, head } }: { line: TailLine }) => (
  <li class={head && head.level !== "info" && head.level !== "debug" ? head.level : undefined}>
    {head && (
      <time dateTime={head.at} title={localExact(Date.parse(head.at))}>
        {localClock(Date.parse(head.at))}
      </time>
    )}
    {head && <span class="source">{sourceWord(head.source)}</span>}
    <span class="text">
      {parseAnsi(text).map((run) =>
        run.tone ? <span class={`ansi-${run.tone}`}>{run.text}</span> : run.text,
      )}
    </span>
  </li>
);

const chunkSize = 200;
const mostLines = 5000;

/** Lines in pieces that don't change once they are full, so that a line costs the same at any length of log. */
class Chunk extends Component<{ lines: TailLine[]; length: number }> {
  override shouldComponentUpdate(next: { length: number }): boolean {
    return next.length !== this.props.length;
  }
  override render() {
    return this.props.lines.map((line) => <Line key={line.seq} line={line} />);
  }
}

/**
 * Draws lines as they come, at most once a frame, and lets go of the oldest past 5,000.
 * @param drawn called after each drawing
 */
export const logTail = (list: HTMLElement, drawn: () => void) => {
  let chunks: { id: number; lines: TailLine[] }[] = [];
  let waiting = false;
  const draw = () => {
    waiting = false;
    render(
      chunks.map((chunk) => <Chunk key={chunk.id} lines={chunk.lines} length={chunk.lines.length} />),
      list,
    );
    drawn();
  };
  const later = () => {
    if (waiting) return;
    waiting = true;
    // Not a frame: a page in the background draws none, and would hold every line until it is looked at.
    setTimeout(draw, 50);
  };
  return {
    add(line: TailLine): void {
      let last = chunks.at(-1);
      if (!last || last.lines.length >= chunkSize) {
        last = { id: line.seq, lines: [] };
        chunks.push(last);
        if (chunks.length > mostLines / chunkSize) chunks = chunks.slice(1);
      }
      last.lines.push(line);
      later();
    },
    clear(): void {
      chunks = [];
      later();
    },
  };
};
