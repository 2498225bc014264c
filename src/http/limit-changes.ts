import type { MiddlewareHandler } from "hono";
import type { Throttle } from "../identity/throttle.ts";
import type { AppEnv } from "./request-env.ts";

const safeMethods = new Set(["GET", "HEAD", "OPTIONS"]);

/** Far above what people and their scripts do; each change writes rows that stay, so somebody's loop must end. */
export const changesPerPerson = { burst: 600, refillMs: 50 };

/** @throws AppError `rate_limited` for the person, whatever keys and sessions the changes come by */
export const limitChanges =
  (throttle: Pick<Throttle, "take">): MiddlewareHandler<AppEnv> =>
  async (c, next) => {
    const actor = c.get("actor");
    if (actor && !safeMethods.has(c.req.method)) throttle.take(actor.userId);
    return next();
  };
