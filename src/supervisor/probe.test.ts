import { afterAll, expect, test } from "bun:test";
import { healthCheckSchema } from "../domain/site.ts";
import { probe } from "./probe.ts";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/slow") await Bun.sleep(3000);
    if (pathname === "/host")
      return new Response(null, { status: request.headers.get("host") === "a.example" ? 204 : 500 });
    if (pathname === "/moved") return Response.redirect("/elsewhere", 302);
    return pathname === "/up" ? new Response("fine") : new Response("no\u0007 such page", { status: 404 });
  },
});
afterAll(() => server.stop(true));

const signal = new AbortController().signal;
const look = (change: object, port = server.port!) =>
  probe({ address: "127.0.0.1", port }, healthCheckSchema.parse(change), "a.example", signal);

test("200 to 399 is good, redirects are not followed, the site's own name is asked for", async () => {
  expect(await look({ path: "/up" })).toMatchObject({ ok: true });
  expect(await look({ path: "/moved" })).toMatchObject({ ok: true });
  expect(await look({ path: "/host" })).toMatchObject({ ok: true });
});

test("what was tried and what came is said, with a clean excerpt", async () => {
  const { ok, summary, bodyExcerpt } = await look({ path: "/missing" });
  expect(ok).toBe(false);
  expect(summary).toMatch(/^GET \/missing on port \d+ -> 404 in \d+ ms$/);
  expect(bodyExcerpt).toBe("no such page");
});

test("no answer in time and nobody there are told apart", async () => {
  expect((await look({ path: "/slow", timeoutSeconds: 1 })).summary).toContain("no answer within 1 s");
  const gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = gone;
  gone.stop(true);
  expect((await look({}, port)).summary).toContain("connection refused");
  expect(await look({ type: "tcp" }, port)).toMatchObject({ ok: false });
  expect(await look({ type: "tcp" })).toMatchObject({ ok: true });
});
