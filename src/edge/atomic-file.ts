import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * A file that is either the old or the new version, whatever happens: written beside it, then renamed. The
 * first line is the SHA-256 of the rest, so that a version torn by a power cut is recognised.
 */

const sha256 = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");

/** @param durable also survives a power cut, for the price of waiting for the disk */
export const writeAtomically = (path: string, text: string, durable: boolean): void => {
  const beside = `${path}.new`;
  try {
    const file = openSync(beside, "w", 0o600);
    try {
      // Not `writeSync`: on a full disk that one writes a part and says so only by its result.
      writeFileSync(file, `${sha256(text)}\n${text}`);
      if (durable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
  if (durable) syncFolder(dirname(path));
};

/**
 * The same without waiting in place; not for two at once on a path.
 * @param isWanted asked at the last moment; false: the file stays as it is
 */
export const writeAtomicallyAside = async (
  path: string,
  text: string,
  durable: boolean,
  isWanted: () => boolean = () => true,
): Promise<void> => {
  const beside = `${path}.next`;
  try {
    const file = await open(beside, "w", 0o600);
    try {
      await file.writeFile(`${sha256(text)}\n${text}`);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    if (!isWanted()) await rm(beside, { force: true });
    else if (durable) await rename(beside, path);
    // At once, so that what is wanted does not change meanwhile.
    else renameSync(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  if (!durable) return;
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

const syncFolder = (folder: string): void => {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

export type Read = { found: "no" } | { found: "torn" } | { found: "yes"; text: string };

/** Reads what `writeAtomically` wrote. */
export const readChecked = (path: string): Read => {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return { found: "no" };
    throw error;
  }
  const end = content.indexOf("\n");
  const text = content.slice(end + 1);
  return end === 64 && content.slice(0, end) === sha256(text) ? { found: "yes", text } : { found: "torn" };
};
