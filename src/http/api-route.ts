import { type Context, Hono } from "hono";
import { z } from "zod";
import { invalidFields } from "../errors.ts";
import type { Scope } from "../identity/schemas.ts";
import { requireScope } from "./auth.ts";
import { readJson } from "./read-body.ts";
import type { AppEnv, UserActor } from "./request-env.ts";

/** One operation of the API, described once: mounted, authorised, validated and documented from here. */
export interface ApiRoute<Body extends z.ZodType = z.ZodType, Query extends z.ZodObject = z.ZodObject> {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** Below /api/v1, parameters as `:name`. */
  path: string;
  /** What an API key must hold; sessions hold all. */
  scope: Scope;
  summary: string;
  body?: Body;
  query?: Query;
  /** Status of a good answer; 200 when not said. */
  status?: 200 | 201 | 202;
  /** A Response goes out as it is, anything else as JSON. */
  handle(request: {
    actor: UserActor;
    params: Record<string, string>;
    body: z.output<Body>;
    query: z.output<Query>;
    c: Context<AppEnv>;
  }): Promise<unknown>;
}

/** Keeps the types of body and query together. */
export const apiRoute = <
  Body extends z.ZodType = z.ZodObject<{}>,
  Query extends z.ZodObject = z.ZodObject<{}>,
>(
  route: ApiRoute<Body, Query>,
): ApiRoute => route as unknown as ApiRoute;

export const environmentQuery = z.object({ environment: z.string().default("production") });

export const mountRoutes = (routes: readonly ApiRoute[]): Hono<AppEnv> => {
  const app = new Hono<AppEnv>();
  for (const route of routes)
    app.on(route.method.toUpperCase(), route.path, async (c) => {
      const actor = requireScope(c, route.scope);
      const query = (route.query ?? z.object({})).safeParse(c.req.query());
      if (!query.success) throw invalidFields(query.error.issues);
      const body = route.body ? await readJson(c, route.body) : {};
      const answer = await route.handle({
        actor,
        params: c.req.param() as Record<string, string>,
        body,
        query: query.data,
        c,
      });
      c.header("Cache-Control", "no-store");
      return answer instanceof Response ? answer : c.json(answer as object, route.status ?? 200);
    });
  return app;
};
