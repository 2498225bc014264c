import { open, opendir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { rootDirectorySchema } from "../../domain/site.ts";
import { AppError, invalid } from "../../errors.ts";

/** The folder that is built, read by known names only: no walk, and no link is followed out of it. */
export interface SourceFolder {
  isFile(name: string): Promise<boolean>;
  isFolder(name: string): Promise<boolean>;
  /** The text of a file, null when it is not there; `deploy_failed` when it is larger than 1 MB. */
  read(name: string): Promise<string | null>;
  /** The beginning of a file of any size, null when it is not there. */
  head(name: string, bytes: number): Promise<string | null>;
  /** The first of these names that is a file. */
  firstFile(names: readonly string[]): Promise<string | null>;
  /** Some names in the folder, for messages: `README.md, src/, …`. */
  glance(): Promise<string>;
}

const maxTextBytes = 1024 * 1024;
const glanceNames = 12;
/** More are not read: a folder may hold any number. */
const glanceEntries = 200;

/**
 * Opens `rootDirectory` ("" is the source itself) inside the source folder `dir`.
 * @throws AppError `deploy_failed` when it is not there, no folder, or a link that leads out; `invalid_input` for a
 * path that is none inside the repository
 */
export const openSourceFolder = async (dir: string, rootDirectory: string): Promise<SourceFolder> => {
  const parsed = rootDirectorySchema.safeParse(rootDirectory);
  if (!parsed.success) throw invalid("rootDirectory", parsed.error.issues[0]!.message);
  const source = await realPathOf(dir);
  if (source === null) throw failed(`there is no folder ${dir}`);
  const root = await realPathOf(join(source, rootDirectory));
  const shown = JSON.stringify(rootDirectory);
  if (root === null) {
    const found = await folderAt(source).glance();
    throw failed(`the root directory ${shown} is not in the source; found there: ${found}`);
  }
  if (!isWithin(source, root))
    throw failed(`the root directory ${shown} is a link that leads out of the source`);
  if (!(await stat(root)).isDirectory())
    throw failed(
      rootDirectory === "" ? `${dir} is not a folder` : `the root directory ${shown} is not a folder`,
    );
  return folderAt(root);
};

const folderAt = (root: string): SourceFolder => {
  /** Real path of something inside; null when it is not there. */
  const inside = async (name: string): Promise<string | null> => {
    const path = await realPathOf(join(root, name));
    if (path !== null && !isWithin(root, path))
      throw failed(`${name} is a link that leads out of the folder that is built`);
    return path;
  };
  const kindOf = async (name: string): Promise<"file" | "folder" | "other" | null> => {
    const path = await inside(name);
    if (path === null) return null;
    const facts = await stat(path);
    return facts.isFile() ? "file" : facts.isDirectory() ? "folder" : "other";
  };
  const isFile = async (name: string) => (await kindOf(name)) === "file";

  const readBytes = async (name: string, limit: number): Promise<Uint8Array | null> => {
    const path = await inside(name);
    if (path === null || !(await isFile(name))) return null;
    const file = await open(path, "r");
    try {
      const buffer = new Uint8Array(Math.min(limit, (await file.stat()).size));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await file.read(buffer, filled, buffer.length - filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    } finally {
      await file.close();
    }
  };

  return {
    isFile,
    isFolder: async (name) => (await kindOf(name)) === "folder",
    async read(name) {
      const bytes = await readBytes(name, maxTextBytes + 1);
      if (bytes !== null && bytes.length > maxTextBytes) throw failed(`${name} is larger than 1 MB`);
      // the decoder takes a byte order mark off
      return bytes === null ? null : new TextDecoder().decode(bytes);
    },
    async head(name, limit) {
      const bytes = await readBytes(name, limit);
      return bytes === null ? null : new TextDecoder().decode(bytes);
    },
    async firstFile(names) {
      for (const name of names) if (await isFile(name)) return name;
      return null;
    },
    async glance() {
      const names: string[] = [];
      let more = false;
      // leaving the loop closes the folder
      for await (const entry of await opendir(root)) {
        if (names.length === glanceEntries) {
          more = true;
          break;
        }
        if (entry.name !== ".git") names.push(entry.isDirectory() ? `${entry.name}/` : entry.name);
      }
      if (names.length === 0) return "nothing";
      more ||= names.length > glanceNames;
      return names.sort().slice(0, glanceNames).join(", ") + (more ? ", …" : "");
    },
  };
};

const failed = (message: string): AppError => new AppError("deploy_failed", message);

const isWithin = (folder: string, path: string): boolean => path === folder || path.startsWith(folder + sep);

/** Null when there is nothing, or a link that leads nowhere or in a circle. */
const realPathOf = async (path: string): Promise<string | null> => {
  try {
    return await realpath(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ENAMETOOLONG") return null;
    throw error;
  }
};
