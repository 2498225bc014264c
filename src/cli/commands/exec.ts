import { defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { processRawIo, type RawIo } from "../raw-io.ts";
import { type RemoteEnd, runRemotely } from "../remote-command.ts";
import { sitePath } from "../site-path.ts";
import { UsageError } from "../usage-error.ts";

const keptBytes = 16 * 1024 * 1024;

/** Keeps what would be printed, for the one document of --json. */
const keeping = (io: RawIo) => {
  const kept = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  let bytes = 0;
  const text = (name: "stdout" | "stderr"): string => Buffer.concat(kept[name]).toString("utf8");
  return {
    io: {
      ...io,
      write: async (name: "stdout" | "stderr", piece: Uint8Array) => {
        bytes += piece.length;
        if (bytes <= keptBytes) kept[name].push(piece);
      },
    },
    output: () => ({ stdout: text("stdout"), stderr: text("stderr"), truncated: bytes > keptBytes }),
  };
};

/** As a shell counts: what was ended from outside has no status of its own. */
const exitStatus = ({ exitCode, status }: RemoteEnd): number =>
  status === "timed_out" ? 124 : (exitCode ?? 1);

export const exec = defineCommand({
  options: { "in-replica": { type: "boolean" }, tty: { type: "boolean" }, timeout: { type: "string" } },
  words: [1, 200],
  run: async (context, [slug, ...command], { "in-replica": inReplica, tty, timeout, environment }) => {
    const raw = processRawIo();
    const isTerminal = tty ?? (raw.isTerminal && !context.json);
    if (isTerminal && !raw.isTerminal)
      throw new UsageError("--tty needs a terminal on standard input and output");
    if (command.length === 0 && !isTerminal)
      throw new UsageError("which command? such as: croft exec SLUG -- node tidy.js");
    const kept = context.json ? keeping(raw) : null;
    const client = await context.client();
    const startedMs = performance.now();
    const end = await runRemotely(
      client,
      kept?.io ?? raw,
      {
        path: sitePath(slug!, "/terminal", { environment }),
        ...(command.length > 0 && { command }),
        isTerminal,
        inReplica: inReplica ?? false,
        timeoutSeconds: wholeFlag("timeout", timeout),
      },
      context.io.signal,
    );
    if (kept)
      context.print(
        { ...end, durationMs: Math.round(performance.now() - startedMs), ...kept.output() },
        () => "",
      );
    if (end.reason !== null) context.io.err(`croft: ${end.reason}\n`);
    return exitStatus(end);
  },
});
