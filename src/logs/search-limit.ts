import type { Actor } from "../domain/actor.ts";
import { AppError } from "../errors.ts";

/** Runs work for somebody unless too much of theirs is under way. */
export type SearchLimit = <T>(actor: Actor, work: () => Promise<T>) => Promise<T>;

/** @param atOnce searches of one person: each looks through some hundred megabytes at most */
export const searchLimit = (atOnce = 4): SearchLimit => {
  const running = new Map<string, number>();
  return async (actor, work) => {
    if (actor.kind !== "user") return work();
    const present = running.get(actor.userId) ?? 0;
    if (present >= atOnce)
      throw new AppError("rate_limited", `you search ${atOnce} logs at once already`, {
        retryAfterSeconds: 2,
      });
    running.set(actor.userId, present + 1);
    try {
      return await work();
    } finally {
      const left = running.get(actor.userId)! - 1;
      if (left === 0) running.delete(actor.userId);
      else running.set(actor.userId, left);
    }
  };
};
