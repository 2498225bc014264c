import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeFolder } from "./remove-folder.ts";

test("whatever an app left is removed: deep nests, links (not what they lead to), names like options", async () => {
  const root = mkdtempSync(join(tmpdir(), "croft-remove-"));
  try {
    const kept = join(root, "kept");
    writeFileSync(kept, "still here");
    const folder = join(root, "-rf");
    mkdirSync(join(folder, ...Array<string>(15).fill("d".repeat(200))), { recursive: true });
    symlinkSync(kept, join(folder, "link"));
    symlinkSync(root, join(folder, "up"));
    await removeFolder(folder);
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync(kept, "utf8")).toBe("still here");
    await removeFolder(folder);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
