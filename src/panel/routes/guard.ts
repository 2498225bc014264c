import type { MiddlewareHandler } from "hono";
import { AppError } from "../../errors.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { personOf } from "../render.tsx";

/** Lets signed-in people through; others go to sign in (or to set up, the very first time) and come back. */
export const guard =
  (deps: PanelDeps): MiddlewareHandler<PanelEnv> =>
  async (c, next) => {
    if (personOf(c)) return next();
    if (!(await deps.isSetUp())) return c.redirect("/setup", 303);
    // What was posted cannot be carried over a sign-in.
    if (c.req.method !== "GET")
      throw new AppError(
        "unauthenticated",
        "You are signed out, so nothing was changed. Sign in and repeat it",
      );
    const { pathname, search } = new URL(c.req.url);
    const back = `${pathname}${search}`;
    return c.redirect(back === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(back)}`, 303);
  };
