import { lstat, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { randomText } from "./tokens.ts";

export const setupTokenPath = (dataDir: string): string => join(dataDir, "setup-token");

const pattern = /^[0-9a-z]{32}$/;

/**
 * The setup token of this installation, or null when there is none (set up already, or never started).
 * @throws the file system's error when the file is there but may not be read
 */
export const readSetupToken = async (dataDir: string): Promise<string | null> => {
  try {
    const text = (await readFile(setupTokenPath(dataDir), "utf8")).trim();
    return pattern.test(text) ? text : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
};

export const removeSetupToken = (dataDir: string): Promise<void> =>
  rm(setupTokenPath(dataDir), { force: true });

/**
 * Called at start: while no user exists there is a token (the same after a restart), afterwards none.
 * @returns the token to print, or null when the installation has its owner
 */
export const ensureSetupToken = async (dataDir: string, hasUsers: boolean): Promise<string | null> => {
  if (hasUsers) {
    await removeSetupToken(dataDir);
    return null;
  }
  const path = setupTokenPath(dataDir);
  const info = await lstat(path).catch(() => null);
  const ours = info?.isFile() && (info.mode & 0o077) === 0 && info.uid === process.getuid!();
  const known = ours ? await readSetupToken(dataDir) : null;
  if (known !== null) return known;
  // Torn, or others could have read it: a new one instead.
  await removeSetupToken(dataDir);
  const token = randomText(32);
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(token + "\n");
    await file.sync();
  } finally {
    await file.close();
  }
  return token;
};
