import { chmodSync, chownSync, lchownSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "../errors.ts";
import type { EdgeView } from "./edge-view.ts";
import { blockingFolder } from "./reachable.ts";

/**
 * With a user of its own the folder stays root's, group-writable and sticky: the edge keeps its files there, but
 * cannot put anything in the place of the staged program.
 */
export const prepareFolder = ({
  dir,
  view,
  uid,
}: {
  dir: string;
  view: EdgeView;
  uid: number | null;
}): void => {
  mkdirSync(dir, { recursive: true, mode: 0o750 });
  if (uid === null) return;
  const blocked = blockingFolder(join(resolve(dir), "edge.sock"), uid, view.handed ? view.root : "/");
  if (blocked !== null && blocked !== resolve(dir))
    throw new AppError(
      "unavailable",
      `user ${uid}, as whom the edge runs, may not pass the folder ${blocked} on the way to ${dir}; allow it (chmod o+x) or choose another data directory`,
    );
  if (statSync(dir).gid !== uid) {
    // First use by this user, so nobody else can have put links here.
    for (const name of readdirSync(dir)) if (name !== "bin") lchownSync(join(dir, name), uid, uid);
    chownSync(dir, process.getuid!(), uid);
  }
  chmodSync(dir, 0o1770);
};
