/** @jsxImportSource hono/jsx */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ErrorCode } from "../../errors.ts";
import { toAppError } from "../../http/error-response.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { sentence } from "../format.ts";
import { ErrorPage } from "../pages/error-page.tsx";
import { personOf, type RenderPage } from "../render.tsx";

const known: Partial<Record<ErrorCode, { status: ContentfulStatusCode; title: string }>> = {
  not_found: { status: 404, title: "Not found" },
  forbidden: { status: 403, title: "Not allowed" },
  unauthenticated: { status: 401, title: "Not signed in" },
  too_large: { status: 413, title: "Too large" },
  rate_limited: { status: 429, title: "Too many at once" },
  engine_unavailable: { status: 503, title: "Docker does not answer" },
  unavailable: { status: 503, title: "Not available now" },
  conflict: { status: 409, title: "Not possible now" },
  invalid_input: { status: 422, title: "Not accepted" },
};

/** The page for a thrown error: its own words when it is an AppError, otherwise nothing of the inside. */
export const errorResponse =
  (deps: PanelDeps, page: RenderPage) =>
  async (thrown: Error, c: Context<PanelEnv>): Promise<Response> => {
    const error = toAppError(thrown);
    const next = personOf(c) ? { href: "/", label: "To the sites" } : { href: "/sign-in", label: "Sign in" };
    const shown = known[error.code];
    if (!shown) {
      deps.log.error("a page failed", { path: c.req.path, error: error.cause ?? error });
      const message =
        "The fault is Croft's; the log has the details. Nothing else is touched by it; try again.";
      return page(
        c,
        { title: "Something broke", status: 500 },
        <ErrorPage title="Something broke" message={message} next={next} />,
      );
    }
    if (error.retryAfterSeconds !== undefined) c.header("Retry-After", String(error.retryAfterSeconds));
    return page(
      c,
      { title: shown.title, status: shown.status },
      <ErrorPage title={shown.title} message={sentence(error.publicMessage)} next={next} />,
    );
  };

/** The page for an address that leads nowhere. */
export const notFoundResponse = (page: RenderPage) => (c: Context<PanelEnv>) =>
  page(
    c,
    { title: "Not found", status: 404 },
    <ErrorPage
      title="Not found"
      message="Nothing is at this address, or it is not yours to see."
      next={{ href: "/", label: "To the sites" }}
    />,
  );
