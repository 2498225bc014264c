import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SourceFolder } from "./source-folder.ts";

/** Never of use in an image, and `.git` holds every secret that was ever committed. */
const always = [
  ".git",
  ".gitignore",
  ".gitattributes",
  ".github",
  ".gitlab-ci.yml",
  ".hg",
  ".svn",
  ".DS_Store",
  "**/.DS_Store",
  ".vscode",
  ".idea",
  "Dockerfile",
  ".dockerignore",
];
const byLanguage = {
  node: ["**/node_modules", "npm-debug.log*", ".pnp.*"],
  bun: ["**/node_modules"],
  python: [
    "**/__pycache__",
    "**/*.py[cod]",
    ".venv",
    "venv",
    ".tox",
    ".pytest_cache",
    ".mypy_cache",
    "*.egg-info",
  ],
};

/** The repository's `.dockerignore`, then ours: the last line wins, so that nothing is taken back. */
export const ignoreLines = async (
  source: SourceFolder,
  language: keyof typeof byLanguage,
): Promise<string[]> => {
  const own = ((await source.head(".dockerignore", 64 * 1024)) ?? "").split(/\r?\n/);
  return [...own.filter((line) => line.trim() !== ""), ...always, ...byLanguage[language]];
};

/**
 * Puts `ignore` of a generated plan into the context, which must be a scratch copy. What is there goes first: it may
 * be a link, and writing through it would change a file elsewhere.
 */
export const writeIgnoreFile = async (contextDir: string, ignore: string[]): Promise<void> => {
  const path = join(contextDir, ".dockerignore");
  await rm(path, { recursive: true, force: true });
  await writeFile(path, ignore.join("\n") + "\n", { flag: "wx" });
};
