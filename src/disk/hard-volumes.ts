import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  truncate,
} from "node:fs/promises";
import { join } from "node:path";
import type { HardVolumes, LoopFileSystem, VolumeStorageRecord } from "../domain/disk.ts";
import { reserveBytes } from "../domain/disk.ts";
import type { Log } from "../domain/log.ts";
import { formatBytes, MB } from "../domain/size.ts";
import { AppError } from "../errors.ts";
import { copyIn, emptyFolder, folderIsEmpty } from "./copy-in.ts";
import { mountAt } from "./mounts.ts";
import { mustRun, runTool, whichTool } from "./run-tool.ts";

export interface HardVolumesDeps {
  /** Image files, `<volume>.img`; nobody else gets through this folder. */
  images: string;
  /** Where a volume is seen. */
  folder(volumeId: string): string;
  /** `auto`: file systems of their own where this machine can. */
  wanted: "auto" | "loop" | "folder";
  log: Log;
}

/** mkfs.xfs makes none that are smaller. */
const leastXfsBytes = 300 * MB;
const halfMadeMs = 12 * 3_600_000;
const checkDeadlineMs = 600_000;
/** Nothing in it becomes a device or another user; freed blocks go back to the host. */
const mountOptions = "loop,nodev,nosuid,noatime,discard";
/** capability.h: administration of mounts, and of resources, which ext4 asks for when it grows. */
const mayMount = 21;
const mayGrowExt4 = 24;

const hasCapability = async (bit: number): Promise<boolean> => {
  const status = await readFile("/proc/self/status", "latin1").catch(() => "");
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> BigInt(bit)) & 1n) === 1n;
};

/** Volumes as file systems in image files, mounted through loop devices (loop(4)) that go with their mount. */
export const createHardVolumes = (deps: HardVolumesDeps): HardVolumes => {
  const imageOf = (id: string): string => join(deps.images, `${id}.img`);

  /** One thing at a time with each volume. */
  const tails = new Map<string, Promise<unknown>>();
  const inTurn = <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const mine = (tails.get(id) ?? Promise.resolve()).then(work);
    const settled = mine.catch(() => {});
    tails.set(id, settled);
    void settled.then(() => {
      if (tails.get(id) === settled) tails.delete(id);
    });
    return mine;
  };

  const missing = async (): Promise<string | null> => {
    if (!(await hasCapability(mayMount))) return "Croft may not mount here: it does not run as root";
    if (!existsSync("/dev/loop-control")) return "this kernel has no loop devices";
    const tool = ["mkfs.ext4", "e2fsck", "resize2fs", "losetup", "mount", "umount"].find(
      (name) => whichTool(name) === null,
    );
    return tool === undefined ? null : `${tool} is not installed`;
  };

  /** ext4 holds small ones well and is everywhere; XFS where this process may not let ext4 grow in use. */
  const choose = async (sizeBytes: number): Promise<LoopFileSystem> =>
    sizeBytes >= leastXfsBytes && whichTool("mkfs.xfs") !== null && !(await hasCapability(mayGrowExt4))
      ? "xfs"
      : "ext4";

  const ensureRoom = async (moreBytes: number): Promise<void> => {
    const { bavail, blocks, bsize } = await statfs(deps.images);
    const room = bavail * bsize - reserveBytes(blocks * bsize);
    if (moreBytes > room)
      throw new AppError(
        "unavailable",
        `the server has room for ${formatBytes(Math.max(0, room))} more, and ${formatBytes(moreBytes)} were asked for`,
      );
  };

  const mkfs = async (image: string, sizeBytes: number, fileSystem: LoopFileSystem): Promise<void> => {
    const file = await open(image, "w", 0o600);
    await file.truncate(sizeBytes);
    await file.close();
    if (fileSystem === "xfs") await mustRun("the volume could not be made", ["mkfs.xfs", "-q", "-f", image]);
    // No blocks are kept for root, who cannot be told from the app; one inode for 8 KB, since apps write small files.
    else
      await mustRun("the volume could not be made", [
        "mkfs.ext4",
        "-q",
        "-F",
        "-m",
        "0",
        "-i",
        "8192",
        image,
      ]);
  };

  /** @param force reads all of it, also when it was unmounted well */
  const mend = async (image: string, force: boolean): Promise<void> => {
    // e2fsck(8): 1 mended, 2 mended and a reboot wished for; from 4 on errors are left.
    const { exitCode, words } = await runTool(
      ["e2fsck", "-p", ...(force ? ["-f"] : []), image],
      checkDeadlineMs,
    );
    if (exitCode >= 4)
      throw new AppError(
        "unavailable",
        `the volume's file system is damaged: run e2fsck -f ${image} by hand, then start the site`,
        { cause: new Error(words) },
      );
    if (exitCode > 0) deps.log.warn("the file system of a volume was mended", { image, words });
  };

  /** A clean file system that fills its image, also when a growth was cut short or could not be made in use. */
  const check = async (image: string, fileSystem: LoopFileSystem): Promise<void> => {
    if (fileSystem === "xfs") return; // its log is replayed by the mount itself
    await mend(image, false);
    if ((await runTool(["resize2fs", image])).exitCode === 0) return;
    // It grows only what was read whole since it was last mounted.
    await mend(image, true);
    await mustRun("the volume could not grow", ["resize2fs", image]);
  };

  /** A device goes a moment after its mount. Before that the file may still be written to, or be mounted as it was. */
  const released = async (image: string): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      if ((await runTool(["losetup", "--associated", image])).words === "") return;
      if (attempt > 40)
        throw new AppError("unavailable", `the volume's image ${image} is in use by a loop device already`);
      await Bun.sleep(100);
    }
  };

  const mount = async (image: string, folder: string, fileSystem: LoopFileSystem): Promise<void> => {
    await mkdir(folder, { recursive: true });
    await released(image);
    await check(image, fileSystem);
    await mustRun("the volume could not be mounted", [
      ...(["mount", "-t", fileSystem, "-o", mountOptions, "--", image, folder] as const),
    ]);
    const source = (await mountAt(folder))?.source;
    if (source?.startsWith("/dev/loop")) {
      // Best effort: what is in the volume is else kept in memory twice.
      await runTool(["losetup", "--direct-io=on", source]);
      if (fileSystem === "xfs") await mustRun("the volume could not grow", ["xfs_growfs", folder]);
    }
    // Apps that begin with an empty folder would stumble over it; e2fsck makes it anew when it has something to put there.
    await rmdir(join(folder, "lost+found")).catch(() => {});
    // Apps run as whatever user their image says; nobody else gets through the folder above.
    await chmod(folder, 0o777);
  };

  const unmount = async (folder: string): Promise<void> => {
    for (let attempt = 1; (await mountAt(folder)) !== null; attempt++) {
      const { exitCode, words } = await runTool(["umount", "--", folder]);
      if (exitCode === 0) continue;
      // A container that just ended may hold it for a moment.
      if (attempt > 20)
        throw new AppError("unavailable", "the volume is still in use and could not be unmounted", {
          cause: new Error(words),
        });
      await Bun.sleep(250);
    }
  };

  /** Through a second name, so that half an image never looks like a whole one. */
  const make = async (id: string, sizeBytes: number, from: string | null): Promise<LoopFileSystem> => {
    const image = `${imageOf(id)}.new`;
    const staging = join(deps.images, `${id}.mount`);
    const fileSystem = await choose(sizeBytes);
    await unmount(staging);
    await rm(image, { force: true });
    try {
      await mkfs(image, sizeBytes, fileSystem);
      if (from !== null) {
        await mount(image, staging, fileSystem);
        await copyIn(from, staging);
        await unmount(staging);
      }
      await rename(image, imageOf(id));
      if (from !== null) await emptyFolder(from);
    } catch (error) {
      await unmount(staging).catch(() => {});
      await rm(image, { force: true });
      throw error;
    } finally {
      await rmdir(staging).catch(() => {});
    }
    return fileSystem;
  };

  return {
    ability: async () => {
      if (deps.wanted === "folder")
        return { kind: "folder", detail: "new volumes are folders, as CROFT_VOLUME_KIND says" };
      const why = await missing();
      if (why !== null && deps.wanted === "loop")
        throw new AppError("unavailable", `CROFT_VOLUME_KIND is loop, and no volume can be made: ${why}`);
      if (why !== null) return { kind: "folder", detail: `new volumes are folders: ${why}` };
      return { kind: "loop", detail: "new volumes are file systems of their own (ext4 in an image file)" };
    },

    create: (id, sizeBytes) =>
      inTurn(id, async () => {
        await mkdir(deps.images, { recursive: true, mode: 0o700 });
        await ensureRoom(sizeBytes);
        const fileSystem = await make(id, sizeBytes, null);
        try {
          await mount(imageOf(id), deps.folder(id), fileSystem);
        } catch (error) {
          await rm(imageOf(id), { force: true });
          throw error;
        }
        return fileSystem;
      }),

    ensureMounted: (volume: VolumeStorageRecord) =>
      inTurn(volume.volumeId, async () => {
        const id = volume.volumeId;
        const folder = deps.folder(id);
        if (volume.kind === "folder" || (await mountAt(folder)) !== null) return;
        await mkdir(deps.images, { recursive: true, mode: 0o700 });
        if (!existsSync(imageOf(id))) {
          if (await folderIsEmpty(folder))
            throw new AppError(
              "unavailable",
              `the volume's image ${imageOf(id)} is gone; restore a backup, or remove the volume`,
            );
          deps.log.info("data of a volume moves into a file system of its own", { volume: id });
          await make(id, volume.sizeBytes!, folder);
        }
        const fileSystem = (await isXfs(imageOf(id))) ? "xfs" : "ext4";
        await mount(imageOf(id), folder, fileSystem);
      }),

    grow: (id, sizeBytes) =>
      inTurn(id, async () => {
        const present = (await stat(imageOf(id))).size;
        await ensureRoom(sizeBytes - present);
        if (sizeBytes > present) await truncate(imageOf(id), sizeBytes);
        const mounted = await mountAt(deps.folder(id));
        if (mounted === null) return false;
        await mustRun("the volume could not grow", ["losetup", "--set-capacity", mounted.source]);
        const argv =
          mounted.type === "xfs"
            ? (["xfs_growfs", deps.folder(id)] as const)
            : (["resize2fs", mounted.source] as const);
        const { exitCode, words } = await runTool(argv);
        if (exitCode !== 0) deps.log.warn("a volume grows when it is mounted next", { volume: id, words });
        return exitCode === 0;
      }),

    space: async (id) => {
      if ((await mountAt(deps.folder(id))) === null) return null;
      const { blocks, bfree, bavail, bsize } = await statfs(deps.folder(id));
      return { usedBytes: (blocks - bfree) * bsize, freeBytes: bavail * bsize };
    },

    tidy: async () => {
      for (const name of await readdir(deps.images).catch(() => [])) {
        const path = join(deps.images, name);
        // Those that are being made now are younger.
        if (!/\.(?:new|mount)$/.test(name) || Date.now() - (await stat(path)).mtimeMs < halfMadeMs) continue;
        await unmount(path);
        await rm(path, { recursive: true, force: true });
      }
    },

    remove: (id) =>
      inTurn(id, async () => {
        await unmount(deps.folder(id));
        if (existsSync(imageOf(id))) await released(imageOf(id));
        await rm(imageOf(id), { force: true });
      }),
  };
};

/** XFS begins with its name (xfs_dsb). */
const isXfs = async (image: string): Promise<boolean> =>
  (await Bun.file(image).slice(0, 4).text()) === "XFSB";
