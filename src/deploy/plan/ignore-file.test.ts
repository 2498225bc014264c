import { afterEach, expect, test } from "bun:test";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { writeIgnoreFile } from "./ignore-file.ts";
import { planBuild, type GeneratedPlan } from "./plan-build.ts";
import { siteOf, sourceFolders } from "./testing/source-folders.ts";

const folders = sourceFolders();
afterEach(() => folders.removeAll());

test("keeps the repository's own lines, and has the last word", async () => {
  const dir = folders.make({ "app.py": "", ".dockerignore": "# ours\r\n*.log\r\n\r\n!.git\r\n" });
  const { ignore } = (await planBuild({ dir, site: siteOf() })) as GeneratedPlan;
  expect(ignore.slice(0, 3)).toEqual(["# ours", "*.log", "!.git"]);
  expect(ignore.lastIndexOf(".git")).toBeGreaterThan(2);
  expect(ignore).toContain("**/__pycache__");
  await writeIgnoreFile(dir, ignore);
  expect(readFileSync(join(dir, ".dockerignore"), "utf8")).toBe(ignore.join("\n") + "\n");
});

test("never writes through a link of the repository", async () => {
  const target = folders.make({ secret: "kept" });
  const dir = folders.make({});
  symlinkSync(join(target, "secret"), join(dir, ".dockerignore"));
  await writeIgnoreFile(dir, [".git"]);
  expect(readFileSync(join(target, "secret"), "utf8")).toBe("kept");
  expect(readFileSync(join(dir, ".dockerignore"), "utf8")).toBe(".git\n");
});
