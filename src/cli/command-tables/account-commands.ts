import type { CommandEntry } from "../command-entry.ts";

/** The program itself, and who uses it. */
export const accountCommands: readonly CommandEntry[] = [
  {
    name: "serve",
    usage: "",
    summary: "run the daemon (starts the edge); settings come from CROFT_… variables",
    // The program's entry starts the daemon before it comes here, so only --help and wrong usage do.
    load: async () => ({ options: {}, words: [0, 0], run: async () => 2 }),
  },
  {
    name: "setup",
    usage: "--username U --email E [--password-stdin]",
    summary: "make the first owner account, on the host itself",
    load: async () => (await import("../commands/setup.ts")).setup,
  },
  {
    name: "login",
    usage: "[URL] [--username U] [--password-stdin | --key-stdin]",
    summary: "sign in to a Croft and keep a key for it",
    load: async () => (await import("../commands/login.ts")).login,
  },
  {
    name: "logout",
    usage: "",
    summary: "revoke the kept key and forget it",
    load: async () => (await import("../commands/logout.ts")).logout,
  },
  {
    name: "user list",
    usage: "",
    summary: "accounts of this installation (operators)",
    load: async () => (await import("../commands/user.ts")).userList,
  },
  {
    name: "user create",
    usage: "USERNAME --email E [--admin] [--password-stdin]",
    summary: "make an account (operators)",
    load: async () => (await import("../commands/user.ts")).userCreate,
  },
  {
    name: "key list",
    usage: "",
    summary: "your API keys",
    load: async () => (await import("../commands/key.ts")).keyList,
  },
  {
    name: "key create",
    usage: "NAME --scope read|deploy|write|admin|metrics … [--expires-in-days N]",
    summary: "make an API key; it is shown once",
    load: async () => (await import("../commands/key.ts")).keyCreate,
  },
  {
    name: "key revoke",
    usage: "KEY",
    summary: "revoke an API key, by id or prefix",
    load: async () => (await import("../commands/key.ts")).keyRevoke,
  },
  {
    name: "version",
    usage: "",
    summary: "version of this program",
    load: async () => (await import("../commands/version.ts")).version,
  },
  {
    name: "completion",
    usage: "bash|zsh|fish",
    summary: "print a completion script for a shell",
    load: async () => (await import("../commands/completion.ts")).completion,
  },
];
