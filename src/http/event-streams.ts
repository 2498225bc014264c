import type { Context } from "hono";
import { AppError } from "../errors.ts";
import type { AppEnv, UserActor } from "./request-env.ts";
import { type SseOptions, type SseStream, sseResponse } from "./sse.ts";

export interface EventStreams {
  /**
   * Streams events to somebody who was let in. What let them in, the session or key and `check`, is asked again
   * with every heartbeat: a key that is revoked, or a role that is lost, ends what is open.
   * @throws AppError `rate_limited` when this person has too many open
   */
  respond(
    c: Context<AppEnv>,
    actor: UserActor,
    check: () => Promise<unknown>,
    run: (stream: SseStream) => Promise<void>,
  ): Response;
}

/** @param options.perPerson streams open at once: each holds sockets, here and towards the engine */
export const createEventStreams = (
  options: { perPerson?: number } & Pick<SseOptions, "heartbeatMs"> = {},
): EventStreams => {
  const { perPerson = 40, heartbeatMs } = options;
  const open = new Map<string, number>();
  return {
    respond: (c, actor, check, run) => {
      const present = open.get(actor.userId) ?? 0;
      if (present >= perPerson)
        throw new AppError("rate_limited", `you follow ${perPerson} logs at once already; close some`, {
          retryAfterSeconds: 15,
        });
      open.set(actor.userId, present + 1);
      const stillSignedIn = c.get("stillSignedIn");
      const close = (): void => {
        const left = open.get(actor.userId)! - 1;
        if (left === 0) open.delete(actor.userId);
        else open.set(actor.userId, left);
      };
      const checked = async (): Promise<void> => {
        if (!(await stillSignedIn())) throw new AppError("unauthenticated", "signed out meanwhile");
        await check();
      };
      return sseResponse(c, run, { check: checked, heartbeatMs, onEnd: close });
    },
  };
};
