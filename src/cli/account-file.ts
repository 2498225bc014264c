import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Environment } from "./command.ts";

/** What `croft login` keeps: one installation and a key for it. */
export interface Account {
  url: string;
  token: string;
}

export const accountPath = (env: Environment): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config"), "croft", "config.json");

/** Null when nobody logged in here; a file that cannot be read as one counts the same. */
export const readAccount = async (env: Environment): Promise<Account | null> => {
  try {
    const { url, token } = JSON.parse(await readFile(accountPath(env), "utf8")) as Partial<Account>;
    return typeof url === "string" && typeof token === "string" ? { url, token } : null;
  } catch {
    return null;
  }
};

export const writeAccount = async (env: Environment, account: Account): Promise<string> => {
  const path = accountPath(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${crypto.randomUUID()}`;
  await writeFile(temporary, JSON.stringify(account, null, 2) + "\n", { mode: 0o600, flag: "wx" });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
  return path;
};

export const removeAccount = (env: Environment): Promise<void> => rm(accountPath(env), { force: true });
