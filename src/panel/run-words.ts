import type { MissedPolicy, OverlapPolicy } from "../domain/job.ts";
import type { RunStatus } from "../domain/run.ts";
import type { Word } from "./words.ts";

export const runWord = (status: RunStatus): Word => {
  switch (status) {
    case "queued":
      return { text: "Waiting", tone: "amber" };
    case "running":
      return { text: "Running", tone: "amber" };
    case "succeeded":
      return { text: "Done", tone: "moss" };
    case "failed":
      return { text: "Failed", tone: "rust" };
    case "timed_out":
      return { text: "Took too long", tone: "rust" };
    case "cancelled":
      return { text: "Ended early", tone: "quiet" };
    case "skipped":
      return { text: "Left out", tone: "quiet" };
    case "lost":
      return { text: "Lost", tone: "rust" };
  }
};

export const overlapWords: Record<OverlapPolicy, string> = {
  skip: "leave the new time out",
  queue: "wait, then run once more",
  replace: "end it and begin anew",
  allow: "run both",
};

export const missedWords: Record<MissedPolicy, string> = {
  skip: "leave them out",
  run: "run once as soon as possible",
};
