import { expect, test } from "bun:test";
import { restoreOrder } from "./restore-order.ts";

const environment = (id: string, createdAt = 0, name = "production") => ({
  ...{ id, siteId: `site_${id}`, name, createdAt },
});
const ids = (environments: { id: string }[]): string => environments.map(({ id }) => id).join(" ");
const link = (environmentId: string, targetEnvironmentId: string) => ({ environmentId, targetEnvironmentId });

test("the most important first; alike, production before others and then the oldest", () => {
  const all = [environment("new", 9), environment("old", 1), environment("staging", 0, "staging")];
  expect(ids(restoreOrder(all, [], []))).toBe("old new staging");
  const priorities = [
    { siteId: "site_new", priority: 90 },
    { siteId: "site_old", priority: 10 },
  ];
  expect(ids(restoreOrder(all, priorities, []))).toBe("new staging old");
});

test("what a site is linked to comes before it, whatever its own importance, and over several steps", () => {
  const all = ["shop", "blog", "api", "db"].map((id) => environment(id));
  const priorities = [
    { siteId: "site_shop", priority: 90 },
    { siteId: "site_db", priority: 0 },
  ];
  expect(ids(restoreOrder(all, priorities, [link("shop", "api"), link("api", "db")]))).toBe(
    "db api shop blog",
  );
});

test("a circle of links, or one to a site that is gone, is no obstacle", () => {
  const all = ["a", "b"].map((id) => environment(id));
  expect(ids(restoreOrder(all, [], [link("a", "b"), link("b", "a"), link("a", "gone")]))).toBe("b a");
});
