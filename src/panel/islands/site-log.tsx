/** @jsxImportSource hono/jsx */
// What the app prints, as it prints it: from the end of the page on, and after a broken connection from the last line
// seen. Where nothing is stored there are no places: then the newest lines are sent again, and take the place of those
// shown.
import type { AppLogView } from "../../domain/app-log.ts";
import { lineWord, wholeText } from "../app-log-words.ts";
import { openStream } from "./event-stream.ts";
import { followEnd } from "./follow.ts";
import { logTail } from "./log-tail.tsx";

const root = document.getElementById("site-log");
const box = document.getElementById("log");
if (box) {
  const followed = followEnd(box);
  if (root?.dataset.live === "yes") start(root, followed);
}

function start(root: HTMLElement, followed: () => void): void {
  const shown = document.getElementById("lines")!;
  const said = document.getElementById("live-state")!;
  const tail = logTail(document.getElementById("live-lines")!, followed);
  const { slug, query } = root.dataset;
  const lines = Math.max(200, shown.children.length);
  let place = root.dataset.place ?? "";
  let seq = 0;
  let anew = false;
  const url = (): string => {
    const asked = new URLSearchParams(query);
    if (place === "") asked.set("lines", String(lines));
    else asked.set("cursor", place);
    return `/api/v1/sites/${encodeURIComponent(slug!)}/logs?${asked}`;
  };
  openStream(url, {
    opened: () => {
      anew = place === "";
      said.textContent = "Live";
    },
    said: (sentence) => {
      said.textContent = sentence ?? "Live";
    },
    events: {
      log: (data, id) => {
        if (anew) {
          anew = false;
          shown.replaceChildren();
          tail.clear();
        }
        if (id !== "") place = id;
        document.getElementById("none")?.remove();
        const { line: text, ...line } = data as Omit<AppLogView, "text"> & { line: string };
        tail.add({
          seq: ++seq,
          text: wholeText({ ...line, text }),
          head: { at: line.at, source: lineWord(line), level: line.level },
        });
      },
    },
  });
}
