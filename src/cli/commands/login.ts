import { hostname } from "node:os";
import type { UserView } from "../../domain/views.ts";
import { writeAccount } from "../account-file.ts";
import { createClient } from "../client.ts";
import { defineCommand } from "../command.ts";
import { readConnection, readUrl } from "../connection.ts";
import { plain } from "../text.ts";
import { UsageError } from "../usage-error.ts";

export const login = defineCommand({
  options: {
    username: { type: "string" },
    "password-stdin": { type: "boolean" },
    "key-stdin": { type: "boolean" },
  },
  words: [0, 1],
  run: async ({ env, io, print }, [address], flags) => {
    const url = address === undefined ? (await readConnection(env)).url : readUrl("URL", address);
    const signIn = async (): Promise<{ token: string; user: UserView }> => {
      if (flags["key-stdin"]) {
        const token = (await io.readStdin()).trim();
        if (!/^croft_[\w]+$/.test(token)) throw new UsageError("standard input holds no API key (croft_…)");
        const known = createClient({ url, token, signal: io.signal });
        return { token, ...(await known.get<{ user: UserView }>("/me")) };
      }
      if (flags["password-stdin"] && flags.username === undefined)
        throw new UsageError("--password-stdin needs --username");
      const username = flags.username ?? (await io.ask("User name: "));
      const password = flags["password-stdin"]
        ? await io.readStdin()
        : await io.ask("Password: ", { secret: true });
      const client = createClient({ url, token: null, signal: io.signal });
      return client.send("POST", "/login", { username, password, keyName: `croft login on ${hostname()}` });
    };
    const { token, user } = await signIn();
    const path = await writeAccount(env, { url, token });
    print(
      { url, user },
      () => `Signed in to ${url} as ${plain(user.username)}; the key is kept in ${path}\n`,
    );
  },
});
