import type { MiddlewareHandler } from "hono";

/**
 * Compresses pages. Each gets a comment of random length first: an observer who makes a victim's browser load
 * pages with chosen text could otherwise guess the form token by the compressed size (BREACH).
 */
export const compressPages: MiddlewareHandler = async (c, next) => {
  await next();
  const type = c.res.headers.get("Content-Type") ?? "";
  if (!type.startsWith("text/html") || c.res.headers.has("Content-Encoding")) return;
  c.res.headers.append("Vary", "Accept-Encoding");
  if (!/\bgzip\b/.test(c.req.header("Accept-Encoding") ?? "")) return;
  const noise = crypto.getRandomValues(new Uint8Array(1 + crypto.getRandomValues(new Uint8Array(1))[0]! / 4));
  const page = `${await c.res.text()}<!-- ${Buffer.from(noise).toString("base64")} -->`;
  const headers = new Headers(c.res.headers);
  headers.set("Content-Encoding", "gzip");
  headers.delete("Content-Length");
  const { status } = c.res;
  c.res = undefined;
  c.res = new Response(Bun.gzipSync(page), { status, headers });
};
