import { afterAll, beforeAll, expect, test } from "bun:test";
import { Hono } from "hono";
import { z } from "zod";
import { type Browser, openBrowser } from "../panel/testing/browser.ts";
import { apiDocsPage } from "./api-docs.tsx";
import { apiRoute } from "./api-route.ts";
import { openApiDocument } from "./openapi.ts";

const long = "a".repeat(60);
const routes = [
  apiRoute({
    method: "put",
    path: `/sites/:slug/${long}/:name`,
    scope: "write",
    summary: "Something with a long path and a deep body",
    body: z.strictObject({ [long]: z.array(z.object({ [long]: z.enum([long, "b"]) })) }),
    query: z.object({ [long]: z.string().optional() }),
    handle: async () => ({}),
  }),
];
const app = new Hono();
app.get("/sign-in", (c) => c.text("here"));
app.get("/api/docs", apiDocsPage(openApiDocument(routes, "1.0.0")) as never);
const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => app.fetch(request) });
let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser(`http://127.0.0.1:${server.port}`);
}, 60_000);
afterAll(async () => {
  browser?.view.close();
  await server.stop(true);
});

test("the API's page fits a phone, its styles are let in, and nothing else is", async () => {
  await browser.size(360, 740);
  browser.complaints.length = 0;
  await browser.go("/api/docs");
  await browser.view.evaluate(`document.querySelector("details").open = true`);
  expect(await browser.view.evaluate("document.documentElement.scrollWidth")).toBe(360);
  expect(
    await browser.view.evaluate(`getComputedStyle(document.querySelector("section")).borderRadius`),
  ).toBe("8px");
  expect(browser.complaints.filter((text) => !text.includes("favicon") && !text.includes("404"))).toEqual([]);
  await browser.view.evaluate(
    `document.head.append(Object.assign(document.createElement("style"), { textContent: "section { display: none }" }))`,
  );
  expect(await browser.view.evaluate(`getComputedStyle(document.querySelector("section")).display`)).toBe(
    "block",
  );
}, 60_000);
