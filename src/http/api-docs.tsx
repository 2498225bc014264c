/** @jsxImportSource hono/jsx */
import type { Handler } from "hono";
import { html, raw } from "hono/html";
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

const styles = `
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #1d211c; --soft: #5d655b; --line: #e4e2da; --card: #fff }
@media (prefers-color-scheme: dark) { :root { --paper: #141714; --ink: #e7eae3; --soft: #a3ab9f; --line: #2a302a; --card: #1b1f1b } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 14px/21px system-ui, sans-serif }
main { max-width: 800px; margin: 0 auto; padding: 24px 16px 64px }
h1 { font-size: 20px; line-height: 28px }
h2 { margin: 0 0 4px; font-size: 14px; line-height: 20px }
section { margin-top: 12px; padding: 12px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 8px }
section p { margin: 0; color: var(--soft) }
ul { margin: 8px 0 0; padding-left: 18px }
code, pre { font-family: ui-monospace, monospace; font-size: 12.5px; overflow-wrap: anywhere }
pre { margin: 8px 0 0; overflow-x: auto; overflow-wrap: normal }
details { margin-top: 8px }
summary { cursor: pointer }
a { color: inherit }
:focus-visible { outline: 2px solid currentcolor; outline-offset: 2px }
`;
const stylesHash = new Bun.CryptoHasher("sha256").update(styles).digest("base64");
const policy = `default-src 'none'; style-src 'sha256-${stylesHash}'; frame-ancestors 'none'; base-uri 'none'`;

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
        <style>{raw(styles)}</style>
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
                  <pre tabindex={0}>
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
    c.header("Content-Security-Policy", policy);
    c.header("X-Content-Type-Options", "nosniff");
    return c.html(html`<!doctype html>${page}`);
  };
};
