import { link, lstat, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { AppError } from "../errors.ts";

export interface MasterKey {
  /** Version that new secrets are sealed with. */
  current: number;
  /** 32 bytes each. */
  keys: ReadonlyMap<number, Uint8Array>;
  /** `<version>:<16 hex digits>` of the current key; safe to store and show. */
  fingerprint: string;
}

const fileSchema = z.strictObject({
  current: z.int().min(1),
  keys: z.record(
    z.string().regex(/^[1-9]\d*$/),
    z.base64().refine((text) => Buffer.from(text, "base64").length === 32),
  ),
});

const refuse = (message: string, cause?: unknown): AppError =>
  new AppError("unavailable", message, { cause });

const exists = async (path: string): Promise<boolean> => {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
};

/** Whole and on the disk before it has its name; `link` never replaces a key that is there. */
const createKeyFile = async (path: string): Promise<void> => {
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
  const temporary = `${path}.${crypto.randomUUID()}`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(JSON.stringify({ current: 1, keys: { "1": key } }) + "\n");
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  const directory = await open(dirname(path), "r");
  await directory.sync().finally(() => directory.close());
};

/**
 * Reads the key file, or makes it when `create` says that the installation is new. A key that is missing or
 * unreadable beside an existing database is never replaced: that would lose every secret for good, in silence.
 * @throws AppError `unavailable` saying what is wrong with the file and what to do
 */
export const openMasterKey = async (path: string, options: { create: boolean }): Promise<MasterKey> => {
  if (!(await exists(path))) {
    if (!options.create)
      throw refuse(
        `the master key ${path} is missing, but the database has secrets sealed with it; put the key file back (from where you keep it, or a backup)`,
      );
    await createKeyFile(path);
  }
  const info = await lstat(path);
  if (!info.isFile()) throw refuse(`the master key ${path} is not a regular file`);
  if ((info.mode & 0o077) !== 0)
    throw refuse(
      `the master key ${path} may be read by others (mode ${(info.mode & 0o777).toString(8)}); make it yours alone: chmod 600 ${path}`,
    );
  if (info.uid !== process.getuid!())
    throw refuse(`the master key ${path} belongs to another user (uid ${info.uid})`);
  try {
    const { current, keys } = fileSchema.parse(JSON.parse(await readFile(path, "utf8")));
    const byVersion = new Map(
      Object.entries(keys).map(([version, text]) => [
        Number(version),
        new Uint8Array(Buffer.from(text, "base64")),
      ]),
    );
    const bytes = byVersion.get(current);
    if (!bytes) throw new Error(`version ${current} is not in the file`);
    const digest = new Bun.CryptoHasher("sha256").update("croft master key\n").update(bytes).digest("hex");
    return { current, keys: byVersion, fingerprint: `${current}:${digest.slice(0, 16)}` };
  } catch (cause) {
    throw refuse(
      `the master key ${path} cannot be read; put back the file this installation was made with`,
      cause,
    );
  }
};

const settingKey = "master_key_fingerprint";

/**
 * Holds the key against the one this database was first opened with, and remembers it for a new database.
 * @throws AppError `unavailable` when it is another key
 */
export const checkMasterKey = async (
  store: {
    setting(key: string): Promise<string | null>;
    putSetting(key: string, value: string, atMs: number): Promise<void>;
  },
  master: Pick<MasterKey, "fingerprint">,
  nowMs: number,
): Promise<void> => {
  const known = await store.setting(settingKey);
  if (known === null) await store.putSetting(settingKey, master.fingerprint, nowMs);
  else if (known !== master.fingerprint)
    throw refuse(
      `the master key is not the one this database was made with (${master.fingerprint}, expected ${known}); put back the right key file`,
    );
};
