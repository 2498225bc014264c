/** @jsxImportSource preact */
// Requests as they come. At the first connection the newest ones are sent again and take the place of those shown;
// later connections go on where the last one ended.
import { render } from "preact";
import type { AccessLine } from "../../domain/access-log.ts";
import { type AccessRow, accessRow } from "../access-words.ts";
import { openStream } from "./event-stream.ts";
import { followEnd } from "./follow.ts";
import { localClock, localExact } from "./local-times.ts";

const mostLines = 500;

interface Line extends AccessRow {
  key: number;
}

const Row = ({ line }: { line: Line }) => {
  const atMs = Date.parse(line.at);
  return (
    <li title={line.more}>
      <time dateTime={line.at} title={localExact(atMs)}>
        {localClock(atMs)}
      </time>
      <b class={`${line.tone}-text`}>{line.status}</b>
      <span class="text">{line.request}</span>
      <span class="took">{line.took}</span>
      <span class="size">{line.size}</span>
      <span class="from">{line.from}</span>
    </li>
  );
};

const root = document.getElementById("access-log");
const box = document.getElementById("log");
if (root && box) {
  const followed = followEnd(box);
  if (root.dataset.live === "yes") start(root, followed);
}

function start(root: HTMLElement, followed: () => void): void {
  const shown = document.getElementById("requests")!;
  const list = document.getElementById("live-requests")!;
  const said = document.getElementById("live-state")!;
  const pause = document.getElementById("pause") as HTMLButtonElement;
  let lines: Line[] = [];
  let key = 0;
  let paused = false;
  let unseen = 0;
  let place = "";
  let waiting = false;
  let away: string | null = null;

  const say = () => {
    said.textContent = away ?? (paused ? "Paused" : "Live");
    pause.textContent = paused ? (unseen > 0 ? `Go on (${unseen} new)` : "Go on") : "Pause";
  };
  const draw = () => {
    waiting = false;
    say();
    if (paused) return;
    render(
      lines.map((line) => <Row key={line.key} line={line} />),
      list,
    );
    followed();
  };
  const later = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(draw, 100);
  };
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    unseen = 0;
    draw();
  });

  const url = () => {
    const { slug, status, path } = root.dataset;
    const query = new URLSearchParams(place === "" ? { limit: "100" } : { after: place });
    if (status) query.set("status", status);
    if (path) query.set("path", path);
    return `/api/v1/sites/${encodeURIComponent(slug!)}/access-log?${query}`;
  };
  openStream(url, {
    opened: () => {
      away = null;
      say();
    },
    said: (words) => {
      away = words;
      say();
    },
    events: {
      request: (data, id) => {
        // What the page came with is among what is sent first.
        if (place === "") shown.replaceChildren();
        place = id;
        document.getElementById("none")?.remove();
        lines.push({ ...accessRow(data as AccessLine), key: ++key });
        if (lines.length > mostLines * 1.2) lines = lines.slice(-mostLines);
        if (paused) unseen++;
        later();
      },
      here: (_, id) => {
        place = id;
      },
    },
  });
}
