import { expect, test } from "bun:test";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GB, MB } from "../domain/size.ts";
import { guardDisk } from "./disk-guard.ts";

test("a disk that fills while it is watched, or is nearly full to begin with, ends the work", async () => {
  const folder = await mkdtemp("/var/tmp/croft-disk-");
  try {
    const guard = await guardDisk(folder, { maxFallBytes: 64 * MB });
    expect(guard.signal.aborted).toBe(false);
    const file = await open(join(folder, "large"), "w");
    const ended = new Promise<void>((resolve) => guard.signal.addEventListener("abort", () => resolve()));
    for (const block = Buffer.alloc(MB, 1); !guard.signal.aborted; await Bun.sleep(1))
      await file.write(block);
    await ended;
    await file.close();
    guard.stop();
    expect(guard.signal.reason).toMatchObject({
      code: "deploy_failed",
      message: expect.stringContaining("more than 64 MB"),
    });
    const full = guardDisk(folder, { maxFallBytes: GB, reserve: 1024 * 1024 * GB });
    await expect(full).rejects.toMatchObject({ code: "deploy_failed" });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("files without end are ended as well, however little they take", async () => {
  const folder = await mkdtemp("/var/tmp/croft-disk-");
  try {
    const guard = await guardDisk(folder, { maxFallBytes: 8 * MB });
    const ended = new Promise<void>((resolve) => guard.signal.addEventListener("abort", () => resolve()));
    for (let n = 0; !guard.signal.aborted; n++) await writeFile(join(folder, String(n)), "");
    await ended;
    guard.stop();
    expect(guard.signal.reason).toMatchObject({
      code: "deploy_failed",
      message: expect.stringContaining("more than 2,048 files"),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
