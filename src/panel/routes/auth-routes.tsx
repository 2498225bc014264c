/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { AppError, invalid } from "../../errors.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { attempt, readForm } from "../form.ts";
import { Setup } from "../pages/setup.tsx";
import { SignIn } from "../pages/sign-in.tsx";
import { personOf, type RenderPage } from "../render.tsx";

/** A path of this panel, or null: whoever made the link must not choose another site to go to. */
export const ownPath = (next: string | undefined): string | null => {
  if (!next?.startsWith("/")) return null;
  const url = URL.parse(next, "http://panel.invalid");
  if (url?.origin !== "http://panel.invalid") return null;
  // `/.//host/` is a path of ours that reads `//host/`, which browsers take for another site.
  return url.pathname.startsWith("//") ? null : `${url.pathname}${url.search}`;
};

/** A wrong token is something to correct in the form, not a page that ends there. */
const wrongToken = (error: unknown): never => {
  if (error instanceof AppError && error.code === "forbidden") throw invalid("token", error.publicMessage);
  throw error;
};

/** First run, sign-in and sign-out: the pages before the guard. */
export const authRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.get("/setup", async (c) => {
    if (await deps.isSetUp()) return c.redirect("/", 303);
    return page(c, { title: "Set up" }, <Setup tokenPath={deps.setupTokenPath} typed={{}} refusal={null} />);
  });

  app.post("/setup", async (c) => {
    const typed = await readForm(c);
    return attempt(
      async () => {
        await deps
          .setup(c, {
            token: (typed.token ?? "").trim(),
            username: (typed.username ?? "").trim(),
            email: (typed.email ?? "").trim(),
            password: typed.password ?? "",
          })
          .catch(wrongToken);
        return c.redirect("/?done=welcome", 303);
      },
      (refusal) =>
        page(
          c,
          { title: "Error: set up", status: refusal.status },
          <Setup tokenPath={deps.setupTokenPath} typed={typed} refusal={refusal} />,
        ),
    );
  });

  app.get("/sign-in", async (c) => {
    if (!(await deps.isSetUp())) return c.redirect("/setup", 303);
    const next = ownPath(c.req.query("next"));
    if (personOf(c)) return c.redirect(next ?? "/", 303);
    return page(c, { title: "Sign in" }, <SignIn next={next} typed={{}} refusal={null} />);
  });

  app.post("/sign-in", async (c) => {
    const typed = await readForm(c);
    const next = ownPath(typed.next);
    return attempt(
      async () => {
        await deps.signIn(c, { username: (typed.username ?? "").trim(), password: typed.password ?? "" });
        return c.redirect(next ?? "/", 303);
      },
      (refusal) =>
        page(
          c,
          { title: "Error: sign in", status: refusal.status },
          <SignIn next={next} typed={typed} refusal={refusal} />,
        ),
    );
  });

  app.post("/sign-out", async (c) => {
    await readForm(c);
    await deps.signOut(c);
    return c.redirect("/sign-in?done=signed-out", 303);
  });

  return app;
};
