import type { ApiKeyView } from "../../domain/views.ts";
import { readAccount, removeAccount } from "../account-file.ts";
import { createClient } from "../client.ts";
import { defineCommand } from "../command.ts";

export const logout = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ env, io, print }) => {
    const account = await readAccount(env);
    if (account === null) return print({ revoked: false }, () => "Not signed in.\n");
    let revoked = false;
    try {
      const client = createClient({ ...account, signal: io.signal });
      const { items } = await client.get<{ items: ApiKeyView[] }>("/keys");
      const own = items.find((key) => key.prefix === account.token.split("_")[1]);
      if (own) await client.send("DELETE", `/keys/${own.id}`);
      revoked = own !== undefined;
    } catch (error) {
      // Forgetting the key here must work even when the server is gone.
      io.err(`croft: the key could not be revoked: ${(error as Error).message}\n`);
    }
    await removeAccount(env);
    print({ revoked }, () => `Signed out of ${account.url}.\n`);
  },
});
