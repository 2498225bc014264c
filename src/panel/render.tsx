/** @jsxImportSource hono/jsx */
import type { Context } from "hono";
import type { Child } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AssetName } from "./assets.ts";
import { Document } from "./components/document.tsx";
import type { PanelDeps, PanelEnv, Person } from "./deps.ts";
import { noticeOf } from "./notices.ts";

export interface PageOptions {
  title: string;
  status?: ContentfulStatusCode;
  scripts?: AssetName[];
  refreshSeconds?: number | null;
}

export type RenderPage = (c: Context<PanelEnv>, options: PageOptions, body: Child) => Promise<Response>;

/** The person behind the request, when signed in by session: API keys open the API, not pages. */
export const personOf = (c: Context<PanelEnv>): Person | null => {
  const actor = c.get("actor") ?? null;
  return actor?.via === "session" ? actor : null;
};

/** For routes behind the guard. */
export const signedIn = (c: Context<PanelEnv>): Person => {
  const person = personOf(c);
  if (!person) throw new Error("this route is not behind the sign-in guard");
  return person;
};

/** Renders whole pages: content inside the shell that every page shares. */
export const pageRenderer =
  (deps: PanelDeps): RenderPage =>
  async (c, options, body) => {
    const shell = {
      person: personOf(c),
      csrf: deps.csrfToken(c),
      engine: await deps.engine(),
      edge: deps.edge(),
      path: c.req.path,
      notice: noticeOf(c.req.query("done")),
      nowMs: deps.clock.nowMs(),
      publicUrl: deps.publicUrl,
      query: c.req.path === "/" ? (c.req.query("q") ?? "") : "",
    };
    const document = (
      <Document
        title={options.title}
        shell={shell}
        scripts={options.scripts ?? []}
        refreshSeconds={options.refreshSeconds ?? null}
      >
        {body}
      </Document>
    );
    return c.html(`<!doctype html>${document.toString()}`, options.status ?? 200);
  };
