/** @jsxImportSource hono/jsx */
// What the app prints, as it prints it. Lines have no numbers: at each connection the newest ones are sent
// again, and take the place of those shown.
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
  const lines = Math.max(200, shown.children.length);
  let seq = 0;
  let anew = false;
  openStream(() => `/api/v1/sites/${encodeURIComponent(root.dataset.slug!)}/logs?lines=${lines}`, {
    opened: () => {
      anew = true;
      said.textContent = "Live";
    },
    said: (sentence) => {
      said.textContent = sentence ?? "Live";
    },
    events: {
      log: (data) => {
        if (anew) {
          anew = false;
          shown.replaceChildren();
          tail.clear();
        }
        tail.add({ seq: ++seq, text: (data as { line: string }).line, head: null });
      },
    },
  });
}
