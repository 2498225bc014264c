import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type Dockerode from "dockerode";
import type { DockerClient } from "./client.ts";
import { inspectContainer } from "./containers.ts";
import { folderBytes } from "./folder-bytes.ts";

/** Rotated logs lie beside the current one as `<name>.1` … */
const logBytesOf = async (logPath: string): Promise<number> => {
  if (!logPath) return 0;
  const folder = dirname(logPath);
  const names = await readdir(folder).catch(() => []);
  let bytes = 0;
  for (const name of names)
    if (name.startsWith(basename(logPath)))
      bytes += await stat(join(folder, name)).then(
        (facts) => facts.blocks * 512,
        () => 0,
      );
  return bytes;
};

/** The folder that takes a container's writes: named by the overlay2 driver, or by the mount of a running one. */
const upperDirOf = async (info: Dockerode.ContainerInspectInfo): Promise<string | null> => {
  const named = (info.GraphDriver?.Data as { UpperDir?: string } | null | undefined)?.UpperDir;
  if (named) return named;
  if (!info.State.Running) return null;
  const mountinfo = await readFile(`/proc/${info.State.Pid}/mountinfo`, "utf8").catch(() => "");
  const root = mountinfo.split("\n").find((line) => line.split(" ")[4] === "/");
  return /[ ,]upperdir=([^, ]+)/.exec(root ?? "")?.[1] ?? null;
};

/**
 * Disk that a replica takes: writable layer and the volumes that only its image asked for (removed with it), and
 * its logs. Docker's own SizeRw counts apparent bytes, which sparse files inflate and small files deflate, and
 * walks the tree inside the engine; du(1) at idle priority counts blocks and keeps off the event loop.
 */
export const createDiskUsage = (client: DockerClient) => {
  let queue: Promise<unknown> = Promise.resolve();

  const measure = async (replicaId: string) => {
    const info = await inspectContainer(client, replicaId);
    const upperDir = info && (await upperDirOf(info));
    if (!upperDir) return null;
    let writableBytes = await folderBytes(upperDir);
    if (writableBytes === null) return null;
    for (const mount of info.Mounts)
      // volumes of our own names are measured where they lie; these have names that Docker drew
      if (mount.Type === "volume" && mount.Name && /^[0-9a-f]{64}$/.test(mount.Name))
        writableBytes += (await folderBytes(mount.Source)) ?? 0;
    return { writableBytes, logBytes: await logBytesOf(info.LogPath) };
  };

  /** One at a time over all callers; null when there is no such replica or the engine's disk is not this host's. */
  return (replicaId: string): Promise<{ writableBytes: number; logBytes: number } | null> => {
    const mine = queue.then(() => measure(replicaId));
    queue = mine.catch(() => {});
    return mine;
  };
};
