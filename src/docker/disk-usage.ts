import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type Dockerode from "dockerode";
import type { DockerClient } from "./client.ts";
import type { EngineDiskFacts } from "./engine-disk.ts";
import { folderBytes } from "./folder-bytes.ts";
import { hasStatus } from "./errors.ts";
import { containerName, replicaIdOf } from "./labels.ts";
import { runIdOf } from "./one-off-config.ts";

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

/** Where a container's files lie; it stays the same as long as the container is there. */
interface Places {
  /** Null: only the engine can tell what the layer holds. */
  upperDir: string | null;
  logPath: string;
  /** Folders of the volumes that only its image asked for. */
  anonymous: string[];
}

const placesOf = async (info: Dockerode.ContainerInspectInfo): Promise<Places> => ({
  upperDir: await upperDirOf(info),
  logPath: info.LogPath,
  anonymous: info.Mounts.flatMap((mount) =>
    // volumes of our own names are measured where they lie; these have names that Docker drew
    mount.Type === "volume" && mount.Name && /^[0-9a-f]{64}$/.test(mount.Name) ? [mount.Source] : [],
  ),
});

const mostRemembered = 2000;

/**
 * Disk that a replica takes: writable layer and the volumes that only its image asked for (removed with it), and
 * its logs. Docker's own SizeRw counts apparent bytes, which sparse files inflate and small files deflate, and
 * walks the tree inside the engine; du(1) at idle priority counts blocks and keeps off the event loop.
 */
export const createDiskUsage = (client: DockerClient, engineDisk: EngineDiskFacts) => {
  let queue: Promise<unknown> = Promise.resolve();
  /** So that counting in a hurry does not wait for the engine. */
  const remembered = new Map<string, Places>();

  /** Of a replica, or of a command in a container of its own. */
  const inspectOurs = (id: string): Promise<Dockerode.ContainerInspectInfo | null> =>
    client.call("inspect container", (docker) =>
      docker
        .getContainer(containerName(id))
        .inspect()
        .then(
          (info) => {
            const of = [[info.Name], info.Config.Labels] as const;
            return replicaIdOf(...of) === id || runIdOf(...of) === id ? info : null;
          },
          (error) => {
            if (hasStatus(error, 404)) return null;
            throw error;
          },
        ),
    );

  const placesFor = async (replicaId: string): Promise<Places | null> => {
    const known = remembered.get(replicaId);
    if (known) return known;
    const info = await inspectOurs(replicaId);
    if (info === null) return null;
    const places = await placesOf(info);
    // A container that does not run may still get its place.
    if (places.upperDir === null) return places;
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(replicaId, places);
    return places;
  };

  /** By the engine: with drivers that keep a layer as a copy of its image there is no folder of what was written. */
  const writtenByEngine = async (replicaId: string): Promise<number | null> => {
    const { scope } = await engineDisk.facts();
    if (scope !== "with-image") return null;
    return client.call(
      "measure container",
      async (docker) => {
        const info = (await docker
          .getContainer(containerName(replicaId))
          .inspect({ size: true } as Dockerode.ContainerInspectOptions)) as { SizeRw?: number };
        return info.SizeRw ?? null;
      },
      { deadlineMs: 60_000 },
    );
  };

  const measure = async (replicaId: string, urgent: boolean) => {
    const places = await placesFor(replicaId);
    if (places === null) return null;
    let writableBytes =
      places.upperDir === null
        ? await writtenByEngine(replicaId)
        : await folderBytes(places.upperDir, { urgent });
    if (writableBytes === null) {
      remembered.delete(replicaId);
      return null;
    }
    for (const folder of places.anonymous) writableBytes += (await folderBytes(folder, { urgent })) ?? 0;
    return { writableBytes, logBytes: await logBytesOf(places.logPath) };
  };

  /**
   * One at a time over all callers, but for those in a hurry; null when there is no such replica or the engine's
   * disk is not this host's.
   */
  return (
    replicaId: string,
    { urgent = false }: { urgent?: boolean } = {},
  ): Promise<{ writableBytes: number; logBytes: number } | null> => {
    if (urgent) return measure(replicaId, true);
    const mine = queue.then(() => measure(replicaId, false));
    queue = mine.catch(() => {});
    return mine;
  };
};
