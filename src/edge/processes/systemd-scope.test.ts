import { expect, test } from "bun:test";
import { join } from "node:path";
import { scopeProperties } from "./systemd-scope.ts";

test("the edge's own unit weighs as much as the daemon's", async () => {
  const unit = await Bun.file(join(import.meta.dir, "../../../scripts/systemd/croft.service")).text();
  const weights = unit.split("\n").filter((line) => /^(CPU|IO)Weight=/.test(line));
  expect(weights).toHaveLength(2);
  expect(scopeProperties).toEqual(expect.arrayContaining(weights));
});
