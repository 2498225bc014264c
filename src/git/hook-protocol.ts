/**
 * What a hook and the daemon say to each other over `run/hooks.sock`, one JSON document a line: the hook sends one
 * request, the daemon answers with lines for the pusher and at last with the hook's exit code. Kept apart and free
 * of imports, since a hook's start-up time is part of every push.
 */
export type HookName = "pre-receive" | "post-receive";

export interface RefUpdate {
  /** Full hashes; forty zeros for a ref that is made or deleted. */
  before: string;
  after: string;
  ref: string;
}

export interface HookRequest {
  token: string;
  hook: HookName;
  updates: RefUpdate[];
}

export type HookAnswer = { line: string } | { exit: number };

/** Environment variables of a push's git process. */
export const tokenVariable = "CROFT_PUSH";
export const socketVariable = "CROFT_HOOK_SOCKET";

/** More than this and the push is refused. */
export const maxUpdates = 1000;
export const maxRequestBytes = 1024 * 1024;
