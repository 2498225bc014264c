import { readFileSync, realpathSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { blockingFolder } from "./reachable.ts";

/**
 * How the edge's user gets to an installation's files. Usually by their paths. Below a folder that it may not
 * pass (a checkout in root's home, mode 0700) the edge is handed an open descriptor on the installation's folder
 * instead, and names everything through it: such a link is not walked, so the folders above do not count
 * (proc_pid_fd(5)). The edge can then also pass to what is open to everyone beside that folder, as far up as the
 * folder that shuts others out.
 */
export interface EdgeView {
  /** The installation's folder; everything the edge opens lies below. */
  root: string;
  handed: boolean;
  /** A path as the edge can open it. */
  pathFor(path: string): string;
}

/** The first descriptor after input, output and errors. */
const handedRoot = "/proc/self/fd/3";

/**
 * Decided by permissions alone: a daemon that adopts an edge comes to the same as the one that started it.
 * @param root present folder
 * @param uid the edge's user, null for the caller's own
 */
export const edgeView = (root: string, uid: number | null): EdgeView => {
  const folder = resolve(root);
  const handed =
    uid !== null && (blockingFolder(folder, uid) ?? blockingFolder(realpathSync(folder), uid)) !== null;
  return {
    root: folder,
    handed,
    pathFor: (path) => {
      const within = relative(folder, resolve(path));
      return !handed || within === ".." || within.startsWith("../") ? path : join(handedRoot, within);
    },
  };
};

/** @throws when the process is gone */
const argumentsOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").slice(1);

/** Whether a running edge was handed its folder, rather than finding it by its path. */
export const wasHanded = (pid: number): boolean =>
  argumentsOf(pid).some((word) => word.startsWith(`${handedRoot}/`));

/** Whether the process is an edge on the folder; a number alone may belong to another process by now. */
export const isEdgeOn = (pid: number, dir: string, view: EdgeView): boolean => {
  const words = argumentsOf(pid);
  return words.includes("edge") && words.includes(view.pathFor(resolve(dir)));
};
