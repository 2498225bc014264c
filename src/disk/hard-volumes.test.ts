import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VolumeStorageRecord } from "../domain/disk.ts";
import { silentLog } from "../domain/log.ts";
import { GB, MB } from "../domain/size.ts";
import { eventually } from "../testing/docker-fixture.ts";
import { unmountBelow } from "../testing/unmount-below.ts";
import { createHardVolumes } from "./hard-volumes.ts";
import { mounts } from "./mounts.ts";
import { runTool } from "./run-tool.ts";

setDefaultTimeout(60_000);

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) {
    await unmountBelow(folder);
    await rm(folder, { recursive: true });
  }
});

const installation = () => {
  const root = mkdtempSync(join(tmpdir(), "croft-hard-"));
  folders.push(root);
  const folder = (id: string) => join(root, "volumes", id);
  const open = () =>
    createHardVolumes({ images: join(root, "images"), folder, wanted: "auto", log: silentLog });
  return { root, folder, open, image: (id: string) => join(root, "images", `${id}.img`) };
};
const loop = (volumeId: string, sizeBytes: number): VolumeStorageRecord => ({
  ...{ volumeId, kind: "loop", fileSystem: "ext4", sizeBytes, usedBytes: null, measuredAt: null },
});

/** Writes until the kernel refuses. @returns its words and how much is there */
const fill = async (folder: string, name: string): Promise<{ words: string; bytes: number }> => {
  const { words } = await runTool(["dd", "if=/dev/zero", `of=${join(folder, name)}`, "bs=64K"]);
  return { words, bytes: (await stat(join(folder, name))).size };
};

test("a volume of 32 MB takes no byte more, over a restart too, and gives the disk back when files go", async () => {
  const { folder, open, image } = installation();
  const volumes = open();
  expect((await volumes.ability()).kind).toBe("loop");
  await volumes.create("vol_a", 32 * MB);
  expect(existsSync(join(folder("vol_a"), "lost+found"))).toBe(false);
  const { words, bytes } = await fill(folder("vol_a"), "big");
  expect(words).toContain("No space left on device");
  expect(bytes).toBeLessThan(32 * MB);
  expect(bytes).toBeGreaterThan(20 * MB);
  expect((await volumes.space("vol_a"))!.freeBytes).toBeLessThan(MB);
  expect((await stat(image("vol_a"))).size).toBe(32 * MB);

  await unmountBelow(folder("vol_a"));
  expect(await volumes.space("vol_a")).toBeNull();
  const later = open();
  await later.ensureMounted(loop("vol_a", 32 * MB));
  await later.ensureMounted(loop("vol_a", 32 * MB));
  expect((await mounts()).filter((mount) => mount.folder === folder("vol_a"))).toHaveLength(1);
  expect((await fill(folder("vol_a"), "more")).bytes).toBe(0);

  await rm(join(folder("vol_a"), "big"));
  await eventually("the host has its blocks back", async () => {
    await runTool(["sync", "--file-system", folder("vol_a")]);
    return (await stat(image("vol_a"))).blocks * 512 < 12 * MB;
  });
});

test("it grows while it is mounted and written to; where this kernel forbids that, when it is mounted next", async () => {
  const { folder, open } = installation();
  const volumes = open();
  // Large enough for XFS, which may grow where ext4 may not.
  await volumes.create("vol_b", 320 * MB);
  writeFileSync(join(folder("vol_b"), "kept"), "data");
  const before = (await volumes.space("vol_b"))!.freeBytes;
  expect(await volumes.grow("vol_b", 640 * MB)).toBe(true);
  expect((await volumes.space("vol_b"))!.freeBytes).toBeGreaterThan(before + 300 * MB);
  expect(readFileSync(join(folder("vol_b"), "kept"), "utf8")).toBe("data");

  await volumes.create("vol_c", 16 * MB);
  const grown = await volumes.grow("vol_c", 64 * MB);
  const mayGrow =
    (BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "latin1"))![1]}`) >> 24n) & 1n;
  expect(grown).toBe(mayGrow === 1n);
  await unmountBelow(folder("vol_c"));
  await volumes.ensureMounted(loop("vol_c", 64 * MB));
  expect((await volumes.space("vol_c"))!.freeBytes).toBeGreaterThan(50 * MB);
});

test("a file system that was not unmounted well is mended before it is mounted; one that cannot be is refused", async () => {
  const { folder, open, image } = installation();
  const volumes = open();
  await volumes.create("vol_d", 16 * MB);
  writeFileSync(join(folder("vol_d"), "kept"), "data");
  await unmountBelow(folder("vol_d"));
  // The free blocks of the superblock are wrong, and it is marked as not clean.
  await runTool(["debugfs", "-w", "-R", "ssv free_blocks_count 7", image("vol_d")]);
  await runTool(["debugfs", "-w", "-R", "ssv state 2", image("vol_d")]);
  await volumes.ensureMounted(loop("vol_d", 16 * MB));
  expect(readFileSync(join(folder("vol_d"), "kept"), "utf8")).toBe("data");

  await unmountBelow(folder("vol_d"));
  writeFileSync(image("vol_d"), Buffer.alloc(16 * MB, "x"));
  await expect(volumes.ensureMounted(loop("vol_d", 16 * MB))).rejects.toThrow("damaged");
  await rm(image("vol_d"));
  await expect(volumes.ensureMounted(loop("vol_d", 16 * MB))).rejects.toThrow("is gone");
});

test("what lies in the folder after a restore moves into an image; a removed volume leaves nothing", async () => {
  const { folder, open, image } = installation();
  const volumes = open();
  mkdirSync(join(folder("vol_e"), "inner"), { recursive: true });
  writeFileSync(join(folder("vol_e"), "inner", "photo"), "data");
  await volumes.ensureMounted(loop("vol_e", 16 * MB));
  expect(readFileSync(join(folder("vol_e"), "inner", "photo"), "utf8")).toBe("data");
  expect((await volumes.space("vol_e"))!.freeBytes).toBeLessThan(16 * MB);
  const device = (await mounts()).find((mount) => mount.folder === folder("vol_e"))!.source;
  await volumes.remove("vol_e");
  expect(existsSync(image("vol_e"))).toBe(false);
  expect(existsSync(join(folder("vol_e"), "inner"))).toBe(false);
  expect((await runTool(["losetup", "--noheadings", "--output", "BACK-FILE", device])).words).not.toContain(
    "vol_e",
  );
});

test("who may not mount makes folders, or nothing where file systems are asked for", async () => {
  const module = JSON.stringify(join(import.meta.dir, "hard-volumes.ts"));
  const ask = (wanted: string): string => {
    const script = `const { createHardVolumes } = await import(${module});
      const deps = { images: "/none", folder: (id) => id, wanted: "${wanted}", log: {} };
      console.log(await createHardVolumes(deps).ability().then(({ kind }) => kind, (error) => error.publicMessage));`;
    const argv = ["setpriv", "--bounding-set=-sys_admin", process.execPath, "-e", script];
    return Bun.spawnSync(argv).stdout.toString();
  };
  expect(ask("auto")).toBe("folder\n");
  expect(ask("loop")).toContain("CROFT_VOLUME_KIND is loop, and no volume can be made");
});

test("more than the server can spare is refused, and leaves nothing", async () => {
  const { open, image } = installation();
  const volumes = open();
  await expect(volumes.create("vol_f", 900_000 * GB)).rejects.toThrow("the server has room for");
  expect(existsSync(image("vol_f"))).toBe(false);
});
