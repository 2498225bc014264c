import { expect, test } from "bun:test";
import { fleetHref, fleetPage, type FleetQuery } from "./fleet-order.ts";
import { fakeSites } from "./testing/fake-data.ts";

const rows = fakeSites(30).map((site) => ({ site, usage: null }));
const query: FleetQuery = { q: "", state: null, sort: "state", descending: false, after: null };
const slugs = (change: Partial<FleetQuery>, size = 100) =>
  fleetPage(rows, { ...query, ...change }, size).rows.map((row) => row.site.slug);

test("what needs a person comes first, what people stopped last", () => {
  const order = slugs({});
  expect(order.slice(0, 3)).toEqual(["archive", "seed-library", "radio"]);
  const statuses = fleetPage(rows, query, 100).rows.map((row) => row.site.status);
  expect(statuses.at(-1)).toBe("stopped");
  expect(statuses.lastIndexOf("running")).toBeLessThan(statuses.indexOf("sleeping"));
});

test("finds by name, address, owner, commit and state", () => {
  expect(slugs({ q: "bikes.example" })).toEqual(["bike-kitchen"]);
  expect(slugs({ q: "Rehearsal TIMES" })).toEqual(["choir"]);
  expect(slugs({ q: rows[0]!.site.latestDeployment!.commit!.hash.slice(0, 10) })).toEqual(["choir"]);
  expect(slugs({ q: "ada" })).toHaveLength(rows.length);
  expect(slugs({ state: "failed" })).toEqual(["archive"]);
  expect(slugs({ q: "garden kale", state: "sleeping" }).length).toBeGreaterThan(0);
  expect(slugs({ q: "no such thing" })).toEqual([]);
});

test("pages by cursor miss and repeat nothing", () => {
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const page: ReturnType<typeof fleetPage> = fleetPage(
      rows,
      { ...query, sort: "deploy", descending: true, after },
      7,
    );
    seen.push(...page.rows.map((row) => row.site.slug));
    after = page.next;
  } while (after !== null);
  expect(seen).toHaveLength(rows.length);
  expect(new Set(seen).size).toBe(rows.length);
});

test("the address keeps what was chosen", () => {
  expect(fleetHref(query, {})).toBe("/");
  expect(fleetHref({ ...query, q: "a&b", after: "x" }, { sort: "memory", descending: true })).toBe(
    "/?q=a%26b&sort=memory&dir=desc",
  );
});
