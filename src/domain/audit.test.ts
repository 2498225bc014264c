import { expect, test } from "bun:test";
import { systemActor } from "./actor.ts";
import { auditEntry } from "./audit.ts";

test("a row says what changed, whatever size the values have", () => {
  const after = {
    name: "choir",
    page: "x".repeat(65_000),
    unset: Array.from({ length: 500 }, (_, i) => `KEY_${i}`),
    nested: { text: "y".repeat(2000) },
  };
  const row = auditEntry(systemActor("test"), "site.change", { type: "site", id: "site_1" }, { after }, 1);
  expect(row.newValue!.length).toBeLessThan(5000);
  const told = JSON.parse(row.newValue!);
  expect(told.name).toBe("choir");
  expect(told.page).toEndWith("(65000 characters)");
  expect(told.unset).toHaveLength(101);
  expect(told.unset.at(-1)).toBe("… (500 in all)");
  expect(told.nested.text).toEndWith("(2000 characters)");
  expect(row.oldValue).toBeNull();
});
