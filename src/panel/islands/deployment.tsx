/** @jsxImportSource preact */
// The deployment page alive: steps and log as they happen, and the outcome in place when it ends.
import { render } from "preact";
import type { DeploymentView, LogLineView } from "../../domain/views.ts";
import { progressSentence, segments } from "../deployment-lines.ts";
import { deploymentWord } from "../words.ts";
import { openStream } from "./event-stream.ts";
import { followEnd } from "./follow.ts";
import { localTimes } from "./local-times.ts";
import { logTail } from "./log-tail.tsx";
import { StepLine } from "./step-line.tsx";

const root = document.getElementById("deployment");
if (root && root.dataset.over === "no") start(root);

function start(root: HTMLElement): void {
  let view = JSON.parse(root.dataset.view!) as DeploymentView;
  let after = Number(root.dataset.after);
  // The server's clock gives the times: a reader's clock that is off must not give odd durations.
  const skewMs = Number(root.dataset.now) - Date.now();
  const steps = document.getElementById("steps")!;
  const said = document.getElementById("live-state")!;
  const tail = logTail(document.getElementById("live-lines")!, followEnd(document.getElementById("log")!));
  let broken: string | null = null;

  const drawSteps = () => render(<StepLine segments={segments(view, Date.now() + skewMs)} />, steps);
  const say = () => {
    const sentence = broken ?? progressSentence(view);
    if (said.textContent !== sentence) said.textContent = sentence;
  };
  steps.replaceChildren();
  drawSteps();
  const ticking = setInterval(drawSteps, 200);

  openStream(() => `/api/v1/deployments/${encodeURIComponent(view.id)}/logs?after=${after}`, {
    opened: () => {},
    said: (sentence) => {
      broken = sentence;
      say();
    },
    last: "end",
    events: {
      log: (data) => {
        const line = data as LogLineView;
        if (line.seq <= after) return;
        after = line.seq;
        tail.add({ seq: line.seq, text: line.message, head: line });
      },
      status: (data) => {
        view = data as DeploymentView;
        drawSteps();
        say();
        const word = deploymentWord(view.status);
        const badge = document.getElementById("state");
        if (!badge) return;
        badge.className = `badge ${word.tone}`;
        badge.textContent = word.text;
      },
      end: () => {
        clearInterval(ticking);
        broken = null;
        say();
        void showEnd();
      },
    },
  });
}

/** The server knows how a deployment that ended looks: its regions take the place of ours. */
async function showEnd(): Promise<void> {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const region of document.querySelectorAll<HTMLElement>("[data-live]")) {
    const next = fresh.getElementById(region.id);
    if (!next) continue;
    const held = region.contains(document.activeElement);
    localTimes(next);
    region.replaceWith(next);
    // The cancel button is gone: whoever was on it goes on at the outcome.
    if (held) document.getElementById("outcome")?.focus();
  }
}
