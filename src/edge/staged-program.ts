import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { AppError } from "../errors.ts";

/**
 * A copy of the program for a user who cannot reach the original (a checkout or Bun below a home directory of
 * mode 0700): the executable by hard link where that is possible, and in a checkout the edge's code as one
 * bundle. Lies in a folder that only root may change.
 * @param command argv that starts the program: [executable] or [bun, script]
 * @returns argv of the copy
 */
export const stageProgram = async (command: readonly string[], binDir: string): Promise<string[]> => {
  ownFolder(binDir);
  const executable = stageExecutable(realpathSync(command[0]!), binDir);
  if (command.length === 1) return [executable];
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "entry.ts")],
    target: "bun",
    outdir: binDir,
    naming: "edge.js",
  });
  if (!built.success)
    throw new AppError("unavailable", "the edge's code could not be bundled for its own user", {
      cause: new AggregateError(built.logs),
    });
  const bundle = join(binDir, "edge.js");
  chmodSync(bundle, 0o644);
  return [executable, bundle];
};

/** Made or found as root's and no link: the edge's user, who may write beside it, cannot have put it there. */
export const ownFolder = (binDir: string): void => {
  const present = lstatSync(binDir, { throwIfNoEntry: false });
  if (present !== undefined && (!present.isDirectory() || present.uid !== process.getuid!()))
    throw new AppError("unavailable", `${binDir} does not belong to this user; remove it`);
  if (present === undefined) mkdirSync(binDir);
  chmodSync(binDir, 0o755);
};

const stageExecutable = (source: string, binDir: string): string => {
  const staged = join(binDir, basename(source));
  const from = statSync(source);
  const to = statSync(staged, { throwIfNoEntry: false });
  if (to !== undefined && (to.ino === from.ino || (to.size === from.size && to.mtimeMs >= from.mtimeMs)))
    return staged;
  const beside = `${staged}.new`;
  rmSync(beside, { force: true });
  // A link shares the mode, so it serves only where everyone may run the original.
  if ((from.mode & 0o005) !== 0o005 || !linked(source, beside)) {
    copyFileSync(source, beside);
    chmodSync(beside, 0o755);
  }
  renameSync(beside, staged);
  return staged;
};

const linked = (source: string, target: string): boolean => {
  try {
    linkSync(source, target);
    return true;
  } catch {
    // Another file system, or one without links: a copy does as well.
    return false;
  }
};
