import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acquireInstanceLock } from "../db/instance-lock.ts";
import { AppError } from "../errors.ts";
import { databaseEntries, fileEntries, finishInterruptedRestore, type SwapJournal, swapIn } from "./swap.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-swap-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const journal: Omit<SwapJournal, "direction"> = {
  backup: "bak_1",
  staging: ".restore-x",
  aside: "before-restore-x",
  entries: [...fileEntries, ...databaseEntries],
};

/** The state before, with commits in a write-ahead log; `static` is new, so that nothing of it goes aside. */
const prepare = (dataDir: string): void => {
  for (const [folder, words] of [
    [dataDir, "old"],
    [join(dataDir, journal.staging), "new"],
  ] as const) {
    for (const name of fileEntries) {
      if (name === "static" && words === "old") continue;
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, "content"), words);
    }
    const database = new Database(join(folder, "croft.db"), { create: true });
    database.run("PRAGMA journal_mode = WAL");
    database.run("CREATE TABLE state (words TEXT)");
    database.run("INSERT INTO state VALUES (?)", [words]);
    if (words === "old") Bun.spawnSync(["cp", "-a", join(folder, "croft.db-wal"), join(folder, "saved")]);
    if (words === "old") Bun.spawnSync(["cp", "-a", join(folder, "croft.db"), join(folder, "saved.db")]);
    database.close(true);
  }
  // as kill -9 leaves it: the table is only in the log
  Bun.spawnSync(["mv", join(dataDir, "saved.db"), join(dataDir, "croft.db")]);
  Bun.spawnSync(["mv", join(dataDir, "saved"), join(dataDir, "croft.db-wal")]);
};

/** `old` or `new` when all of it is; throws for anything between. */
const stateOf = (dataDir: string): string => {
  const words = new Set(
    fileEntries
      .filter((name) => name !== "static")
      .map((name) => readFileSync(join(dataDir, name, "content"), "utf8")),
  );
  words.add(existsSync(join(dataDir, "static")) ? "new" : "old");
  const database = new Database(join(dataDir, "croft.db"), { readonly: true });
  try {
    words.add(database.query<{ words: string }, []>("SELECT words FROM state").get()!.words);
    expect(database.query("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  } finally {
    database.close(true);
  }
  expect([...words]).toHaveLength(1);
  return [...words][0]!;
};

const stepsOf = async (): Promise<string[]> => {
  const dataDir = join(dir, "dry");
  prepare(dataDir);
  const steps: string[] = [];
  await swapIn(dataDir, journal, (step) => steps.push(step));
  expect(stateOf(dataDir)).toBe("new");
  return steps;
};

/** Another process that holds the instance's lock, swaps, fails after step `failAt` and dies after step `dieAt`. */
const swapAndDie = async (dataDir: string, dieAt: number, failAt = -1): Promise<void> => {
  const module = (path: string) => JSON.stringify(join(import.meta.dir, path));
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `const { swapIn } = await import(${module("swap.ts")});
       const { acquireInstanceLock } = await import(${module("../db/instance-lock.ts")});
       globalThis.lock = acquireInstanceLock(${JSON.stringify(join(dataDir, "run", "daemon.lock"))});
       let n = 0;
       await swapIn(${JSON.stringify(dataDir)}, ${JSON.stringify(journal)}, () => {
         const step = n++;
         if (step === ${dieAt}) process.kill(process.pid, "SIGKILL");
         if (step === ${failAt}) throw new Error("a disk that fails");
       });`,
    ],
    { stdout: "ignore", stderr: "pipe" },
  );
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
};

test("killed after any step, the next start completes the exchange; nothing is in between or lost", async () => {
  const steps = await stepsOf();
  expect(steps).toHaveLength(14);
  for (let dieAt = 0; dieAt < steps.length; dieAt++) {
    const dataDir = join(dir, `killed-${dieAt}`);
    prepare(dataDir);
    await swapAndDie(dataDir, dieAt);
    acquireInstanceLock(join(dataDir, "run", "daemon.lock")).release();
    const finished = await finishInterruptedRestore(dataDir);
    expect(finished === null).toBe(dieAt === steps.length - 1);
    expect(stateOf(dataDir)).toBe("new");
    expect(existsSync(join(dataDir, "restore.json"))).toBe(false);
    expect(readdirSync(join(dataDir, journal.aside)).sort()).toEqual([
      "croft.db",
      "croft.db-wal",
      "repos",
      "usage",
      "volume-images",
      "volumes",
    ]);
    // the state before is whole where it was put
    const kept = new Database(join(dataDir, journal.aside, "croft.db"));
    expect(kept.query("SELECT words FROM state").get()).toEqual({ words: "old" });
    kept.close(true);
    expect(await finishInterruptedRestore(dataDir)).toBeNull();
  }
}, 60_000);

test("when a step fails, all of it is undone and the old state is there again", async () => {
  const steps = await stepsOf();
  for (let failAt = 1; failAt < steps.length - 1; failAt++) {
    const dataDir = join(dir, `failed-${failAt}`);
    prepare(dataDir);
    let n = 0;
    const error = await swapIn(dataDir, journal, () => {
      if (n++ === failAt) throw new Error("a disk that fails");
    }).then(
      () => null,
      (cause) => cause,
    );
    expect(error).toBeInstanceOf(AppError);
    expect(error.publicMessage).toContain("undone");
    expect(stateOf(dataDir)).toBe("old");
    expect(readdirSync(dataDir).filter((name) => name.includes("restore"))).toEqual([]);
  }
});

test("killed while undoing, the next start goes on undoing", async () => {
  for (const dieAt of [8, 9, 11, 13]) {
    const dataDir = join(dir, `undoing-${dieAt}`);
    prepare(dataDir);
    await swapAndDie(dataDir, dieAt, 7);
    expect((await finishInterruptedRestore(dataDir))?.direction).toBe("back");
    expect(stateOf(dataDir)).toBe("old");
    expect(readdirSync(dataDir).filter((name) => name.includes("restore"))).toEqual([]);
  }
}, 60_000);

test("a journal that cannot be read stops the start instead of being ignored", async () => {
  prepare(dir);
  writeFileSync(join(dir, "restore.json"), "{");
  await expect(finishInterruptedRestore(dir)).rejects.toThrow("restore.json cannot be read");
});
