import type { CommandRequest, SessionEnd, Sessions } from "./sessions.ts";
import { createOutputTail } from "./output-tail.ts";

const shown = { lines: 2000, chars: 200_000 };

export interface CommandResult extends SessionEnd {
  run: string;
  /** The last of what it printed, both outputs as they came. */
  output: string;
}

/** Runs a command that nobody follows and tells what it printed last. @throws AppError as `Sessions.open` does */
export const runToEnd = async (
  sessions: Sessions,
  request: Omit<CommandRequest, "kind" | "terminal" | "stdin">,
): Promise<CommandResult> => {
  const output = createOutputTail(shown);
  const session = await sessions.open({ ...request, kind: "exec", terminal: null, stdin: false }, output.add);
  const end = await session.ended;
  return { ...end, run: session.runId, output: output.text() };
};
