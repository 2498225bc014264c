import { afterAll, beforeAll, expect, test } from "bun:test";
import type { RouteTarget } from "../domain/edge.ts";
import { parseTable } from "./table-store.ts";
import { type EdgeFixture, routeTo, startEdge } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";

let fixture: EdgeFixture;
const page = (title: string): RouteTarget => ({ kind: "message", status: 200, title, message: "m" });
const exact = routeTo(["shop.example.org"], page("exact"), {}, "exact");
const wild = routeTo(["*.example.org"], page("wild"), {}, "wild");

beforeAll(() => {
  fixture = startEdge([exact, wild, routeTo(["example.org"], page("apex"), {}, "apex")]);
});
afterAll(() => fixture.close());

const servedBy = async (host: string): Promise<string> => {
  const client = await connectRaw(fixture.port);
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const text = await client.until((received) => received.includes("</html>") || received.includes("40"));
  client.close();
  return /<h1>(\w+)/.exec(text)?.[1] ?? text.slice(9, 12);
};

test("a wildcard's route has every name one label below it, but those that have routes of their own", async () => {
  for (const [host, by] of [
    ["any.example.org", "wild"],
    ["ANY.Example.org:8080", "wild"],
    ["xn--bcher-kva.example.org", "wild"],
    ["shop.example.org", "exact"],
    ["example.org", "apex"],
    ["a.b.example.org", "404"],
    ["example.net", "404"],
    ["*.example.org", "400"],
    [".example.org", "404"],
  ] as const)
    expect(await servedBy(host), host).toBe(by);
});

test("a table without wildcards serves none", async () => {
  fixture.route([exact]);
  expect(await servedBy("any.example.org")).toBe("404");
  fixture.route([exact, wild]);
  expect(await servedBy("any.example.org")).toBe("wild");
});

test("only one label in front, and only at the front", () => {
  const takes = (host: string) =>
    "table" in parseTable({ version: 1, routes: [routeTo([host], page("p"), {}, "p")] });
  expect(takes("*.example.org")).toBe(true);
  for (const host of ["*", "*.", "*example.org", "a.*.org", "*.*.org", "*.EXAMPLE.org"])
    expect(takes(host), host).toBe(false);
});
