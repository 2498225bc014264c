import { z } from "zod";
import type { ApiRoute } from "./api-route.ts";

const problem = {
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string" },
    errors: {
      type: "array",
      items: { type: "object", properties: { path: { type: "string" }, message: { type: "string" } } },
    },
  },
};

/** OpenAPI 3.1 of the same definitions that authorise and validate the requests; without `servers`. */
export const openApiDocument = (routes: readonly ApiRoute[], version: string) => {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `/api/v1${route.path.replaceAll(/:([A-Za-z]+)/g, "{$1}")}`;
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Croft",
      version,
      description: "Sites, deployments, limits and usage of one Croft installation.",
    },
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer", description: "An API key: croft_…" } },
      schemas: { Problem: problem },
    },
  };
};

const operationOf = (route: ApiRoute) => {
  const pathParameters = [...route.path.matchAll(/:([A-Za-z]+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const query = route.query ? schemaOf(route.query) : { properties: {} };
  const queryParameters = Object.entries((query.properties ?? {}) as Record<string, object>).map(
    ([name, schema]) => ({ name, in: "query", required: false, schema }),
  );
  return {
    summary: route.summary,
    description: `Needs scope \`${route.scope}\`.`,
    operationId: `${route.method}${route.path.replaceAll(/[/:]+([A-Za-z]?)/g, (_, letter: string) => letter.toUpperCase())}`,
    parameters: [...pathParameters, ...queryParameters],
    ...(route.body
      ? { requestBody: { required: true, content: { "application/json": { schema: schemaOf(route.body) } } } }
      : {}),
    responses: {
      [route.status ?? 200]: { description: "Done", content: { "application/json": { schema: {} } } },
      default: {
        description: "Refused or failed",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
};

const schemaOf = (schema: z.ZodType): { properties?: unknown } => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
};
