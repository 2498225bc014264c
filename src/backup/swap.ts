import { mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { AppError } from "../errors.ts";
import { namesIn } from "./folder.ts";
import { syncFolder } from "./part-file.ts";

/**
 * What a restore replaces, in order. The write-ahead log goes before its database: left beside another database
 * it would be read into it.
 */
export const databaseEntries = ["croft.db-wal", "croft.db-shm", "croft.db"] as const;
export const fileEntries = ["usage", "repos", "static", "volumes", "volume-images"] as const;

const journalSchema = z.object({
  backup: z.string(),
  /** Folder names in the data directory: what comes in, and where what was there goes. */
  staging: z.string().regex(/^\.restore-[\w-]+$/),
  aside: z.string().regex(/^before-restore-[\w-]+$/),
  entries: z.array(z.enum([...fileEntries, ...databaseEntries])),
  direction: z.enum(["forward", "back"]),
});
export type SwapJournal = z.infer<typeof journalSchema>;

const journalName = "restore.json";

const exists = async (folder: string, name: string): Promise<boolean> =>
  (await namesIn(folder)).includes(name);

/** The journal is whole or not there at all. */
const writeJournal = async (dataDir: string, journal: SwapJournal): Promise<void> => {
  const temporary = join(dataDir, `.${journalName}.new`);
  const file = await open(temporary, "w", 0o600);
  await file.writeFile(JSON.stringify(journal));
  await file.sync();
  await file.close();
  await rename(temporary, join(dataDir, journalName));
  await syncFolder(dataDir);
};

/** Only for tests: called after each step that a crash could follow. */
export type AfterStep = (step: string) => void;

const moved = async (from: string, to: string): Promise<void> => {
  await rename(from, to);
  await syncFolder(join(from, ".."));
  await syncFolder(join(to, ".."));
};

/**
 * Each entry is old and in place, then gone aside, then new. Which of these it is shows in where its names are, so
 * a swap that was cut short goes on from there, in either direction.
 */
const run = async (dataDir: string, journal: SwapJournal, afterStep: AfterStep): Promise<void> => {
  const staging = join(dataDir, journal.staging);
  const aside = join(dataDir, journal.aside);
  const isLog = (name: string): boolean => name === "croft.db-wal" || name === "croft.db-shm";
  const step = async (from: string, to: string): Promise<void> => {
    await moved(from, to);
    afterStep(`${basename(join(from, ".."))} -> ${basename(join(to, ".."))}: ${basename(from)}`);
  };
  await mkdir(aside, { recursive: true, mode: 0o700 });

  if (journal.direction === "forward") {
    for (const name of journal.entries) {
      const isStaged = await exists(staging, name);
      if (!isStaged && !isLog(name)) continue;
      if ((await exists(dataDir, name)) && !(await exists(aside, name)))
        await step(join(dataDir, name), join(aside, name));
      if (isStaged) await step(join(staging, name), join(dataDir, name));
    }
  } else {
    for (const name of journal.entries.toReversed()) {
      const isNew = !isLog(name) && !(await exists(staging, name));
      if (isNew && (await exists(dataDir, name))) await step(join(dataDir, name), join(staging, name));
      if (await exists(aside, name)) await step(join(aside, name), join(dataDir, name));
    }
    await rmdir(aside);
  }
  await rm(join(dataDir, journalName));
  await syncFolder(dataDir);
  afterStep("journal removed");
};

/** Best effort, since the exchange is over: the next restore removes what is left of it. */
const removeStaging = (dataDir: string, journal: Pick<SwapJournal, "staging">): Promise<void> =>
  rm(join(dataDir, journal.staging), { recursive: true, force: true }).catch(() => {});

/**
 * Exchanges what lies in the data directory for what lies in the staging folder. After a crash
 * `finishInterruptedRestore` completes it, so that there is the old state or the new one, never a mixture.
 * @throws AppError `unavailable` when it failed and was undone
 */
export const swapIn = async (
  dataDir: string,
  journal: Omit<SwapJournal, "direction">,
  afterStep: AfterStep = () => {},
): Promise<void> => {
  await writeJournal(dataDir, { ...journal, direction: "forward" });
  afterStep("journal written");
  try {
    await run(dataDir, { ...journal, direction: "forward" }, afterStep);
  } catch (cause) {
    await writeJournal(dataDir, { ...journal, direction: "back" });
    await run(dataDir, { ...journal, direction: "back" }, afterStep);
    await removeStaging(dataDir, journal);
    throw new AppError("unavailable", "the restore failed and was undone; everything is as it was before", {
      cause,
    });
  }
  await removeStaging(dataDir, journal);
};

/**
 * Completes a restore that a crash cut short; to be called with the instance lock held, before anything opens the
 * database. Does nothing when there is none.
 * @returns what it completed, for the log
 */
export const finishInterruptedRestore = async (dataDir: string): Promise<SwapJournal | null> => {
  if (!(await exists(dataDir, journalName))) return null;
  const path = join(dataDir, journalName);
  let journal: SwapJournal;
  try {
    journal = journalSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new AppError("unavailable", `a restore was cut short, and its journal ${path} cannot be read`, {
      cause,
    });
  }
  await run(dataDir, journal, () => {});
  await removeStaging(dataDir, journal);
  return journal;
};
