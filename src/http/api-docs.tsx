/** @jsxImportSource hono/jsx */
import type { Handler } from "hono";
import { html } from "hono/html";
import type { AppEnv } from "./request-env.ts";

interface Operation {
  summary: string;
  description: string;
  parameters: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { content: { "application/json": { schema: { properties?: unknown } } } };
}

interface Document {
  info: { title: string; version: string };
  paths: Record<string, Record<string, unknown>>;
}

/** The API as one plain page, made of the OpenAPI document; no script, nothing loaded from elsewhere. */
export const apiDocsPage = (document: Document): Handler<AppEnv> => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...(operation as Operation) })),
  );
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Croft API {document.info.version}</title>
      </head>
      <body>
        <main>
          <h1>Croft API {document.info.version}</h1>
          <p>
            Send an API key as <code>Authorization: Bearer croft_…</code>. The same as data:{" "}
            <a href="/api/v1/openapi.json">openapi.json</a>.
          </p>
          {operations.map((operation) => (
            <section>
              <h2>
                <code>
                  {operation.method.toUpperCase()} {operation.path}
                </code>
              </h2>
              <p>
                {operation.summary}. {operation.description.replaceAll("`", "")}
              </p>
              {operation.parameters.length > 0 && (
                <ul>
                  {operation.parameters.map((parameter) => (
                    <li>
                      <code>{parameter.name}</code> ({parameter.in}
                      {parameter.required ? ", required" : ""})
                    </li>
                  ))}
                </ul>
              )}
              {operation.requestBody && (
                <details>
                  <summary>Body</summary>
                  <pre>
                    {JSON.stringify(operation.requestBody.content["application/json"].schema, null, 2)}
                  </pre>
                </details>
              )}
            </section>
          ))}
        </main>
      </body>
    </html>
  );
  return (c) => {
    c.header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    c.header("X-Content-Type-Options", "nosniff");
    return c.html(html`<!doctype html>${page}`);
  };
};
