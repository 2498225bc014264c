import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, isAbsolute, join, resolve } from "node:path";
import { AppError } from "../errors.ts";
import { reachable } from "./reachable.ts";
import type { EdgeProcess } from "./spawn.ts";
import { ownFolder, stageProgram } from "./staged-program.ts";

/**
 * The command as it is where the user can reach it, otherwise a copy: in the edge's folder, or outside when the
 * edge is handed that one, since a program is found only by a path that can be walked.
 */
export const programFor = async (wanted: EdgeProcess): Promise<{ program: string[]; staged: boolean }> => {
  const { command, uid, view } = wanted;
  const [executable, script] = command;
  const found = isAbsolute(executable!) ? executable! : Bun.which(executable!);
  if (found === null || !existsSync(found))
    throw new AppError("unavailable", `the program ${executable} was not found`);
  if (script !== undefined && !existsSync(script))
    throw new AppError("unavailable", `the program's script ${script} was not found`);
  // Without links: what counts is where the files are.
  const original = realpathSync(found);
  const program = script === undefined ? [original] : [original, realpathSync(script), ...command.slice(2)];
  if (uid === null) return { program, staged: false };
  const inReach =
    reachable(original, uid, "run") && (script === undefined || reachable(program[1]!, uid, "read"));
  if (inReach) return { program, staged: false };
  const parts = program.slice(0, 2);
  const copy = view.handed
    ? await stageOutside(parts, uid, view.root, wanted.copyPlaces ?? systemPlaces)
    : await stageProgram(parts, join(resolve(wanted.dir), "bin"));
  return { program: copy, staged: true };
};

const systemPlaces = ["/var/cache/croft", "/opt/croft-edge"];

/** Holds which installation a copy belongs to. */
const noteName = "installation";

/** One folder per installation, so that none takes away another's; it holds the present version alone. */
export const copyFolder = (place: string, root: string): string =>
  join(place, new Bun.CryptoHasher("sha256").update(realpathSync(root)).digest("hex").slice(0, 16));

const stageOutside = async (
  command: readonly string[],
  uid: number,
  root: string,
  places: readonly string[],
): Promise<string[]> => {
  const refusals: string[] = [];
  for (const place of places) {
    try {
      ownFolder(place);
      forgetGone(place);
      const folder = copyFolder(place, root);
      ownFolder(folder);
      writeFileSync(join(folder, noteName), realpathSync(root), { mode: 0o600 });
      const copy = await stageProgram(command, folder);
      if (!reachable(copy[0]!, uid, "run")) throw new Error("out of reach as well");
      // Refused where the file system is mounted without the right to run programs (access(2)).
      accessSync(copy[0]!, constants.X_OK);
      const present = new Set([noteName, ...copy.map((path) => basename(path))]);
      for (const name of readdirSync(folder)) if (!present.has(name)) rmSync(join(folder, name));
      return copy;
    } catch (error) {
      refusals.push(`${place}: ${(error as Error).message}`);
    }
  }
  throw new AppError(
    "unavailable",
    `user ${uid}, as whom the edge runs, cannot reach the program ${command.join(" ")}, and a copy has no place (${refusals.join("; ")})`,
  );
};

/** Copies of installations that are no longer there. */
const forgetGone = (place: string): void => {
  for (const name of readdirSync(place)) {
    const note = join(place, name, noteName);
    if (existsSync(note) && !existsSync(readFileSync(note, "utf8")))
      rmSync(join(place, name), { recursive: true, force: true });
  }
};
