import { writeSync } from "node:fs";
import {
  type HookAnswer,
  type HookName,
  type HookRequest,
  maxRequestBytes,
  maxUpdates,
  type RefUpdate,
  socketVariable,
  tokenVariable,
} from "./hook-protocol.ts";

const connectDeadlineMs = 5000;

const lost: Record<HookName, string> = {
  "pre-receive": "Croft could not be asked whether this push may deploy; nothing was changed, try again",
  "post-receive":
    "Croft stopped answering; the push arrived, `croft deployments` shows whether it is deployed",
};

/** Text for the pusher. A pusher who is gone is no error: the deployment goes on. */
const print = (text: string): void => {
  try {
    writeSync(2, `${text}\n`);
  } catch {
    // EPIPE: nobody reads any more
  }
};

const readUpdates = async (stdin: AsyncIterable<Uint8Array>): Promise<RefUpdate[]> => {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stdin) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxRequestBytes) break;
  }
  const lines = text.split("\n").filter(Boolean);
  return lines.slice(0, maxUpdates + 1).map((line) => {
    const [before = "", after = "", ...ref] = line.split(" ");
    return { before, after, ref: ref.join(" ") };
  });
};

/** Sends the request, prints what comes back. @returns the exit code the daemon gave, null when it went away before */
const ask = (path: string, request: HookRequest): Promise<number | null> =>
  new Promise((resolve) => {
    let code: number | null = null;
    let partial = "";
    const decoder = new TextDecoder();
    const deadline = setTimeout(() => resolve(null), connectDeadlineMs);
    let unsent = Buffer.from(`${JSON.stringify(request)}\n`);
    const send = (socket: Bun.Socket) => {
      unsent = unsent.subarray(socket.write(unsent));
    };
    Bun.connect({
      unix: path,
      socket: {
        open(socket) {
          clearTimeout(deadline);
          send(socket);
        },
        drain: send,
        data(socket, chunk) {
          const lines = (partial + decoder.decode(chunk, { stream: true })).split("\n");
          partial = lines.pop()!;
          for (const line of lines) {
            const answer = JSON.parse(line) as HookAnswer;
            if ("line" in answer) print(answer.line);
            else {
              code = answer.exit;
              socket.end();
            }
          }
        },
        close: () => resolve(code),
        error: () => resolve(code),
        connectError: () => resolve(null),
      },
    }).catch(() => resolve(null));
  });

/**
 * `croft git-hook <name>`: started by git inside a push, asks the daemon, shows its answer to the pusher.
 * @returns the exit code; that of pre-receive decides whether the push is accepted
 */
export const runGitHook = async (
  name: string,
  env: Record<string, string | undefined>,
  stdin: AsyncIterable<Uint8Array>,
): Promise<number> => {
  const token = env[tokenVariable];
  const path = env[socketVariable];
  if ((name !== "pre-receive" && name !== "post-receive") || !token || !path) {
    print("croft git-hook is run by git inside a push to Croft, not by hand");
    return 2;
  }
  const code = await ask(path, { token, hook: name, updates: await readUpdates(stdin) });
  if (code === null) print(lost[name]);
  return code ?? 1;
};
