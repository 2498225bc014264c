import type { ApiKeyView } from "../../domain/views.ts";
import { AppError } from "../../errors.ts";
import { defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { localTime, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

export const keyList = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const answer = await (await client()).get<{ items: ApiKeyView[] }>("/keys");
    print(answer, () =>
      table([
        ["KEY", "PREFIX", "NAME", "SCOPES", "MADE", "EXPIRES", "LAST USED"],
        ...answer.items.map((key) => [
          key.id,
          key.prefix,
          key.name,
          key.scopes.join(","),
          localTime(key.createdAt),
          key.expiresAt === null ? "never" : localTime(key.expiresAt),
          localTime(key.lastUsedAt),
        ]),
      ]),
    );
  },
});

export const keyCreate = defineCommand({
  options: { scope: { type: "string", multiple: true }, "expires-in-days": { type: "string" } },
  words: [1, 1],
  run: async ({ client, io, print }, [name], flags) => {
    const scopes = flags.scope?.flatMap((text) => text.split(",")) ?? [];
    if (scopes.length === 0)
      throw new UsageError("--scope is needed: read, deploy, write, admin or metrics; several with commas");
    const fields = { name, scopes, expiresInDays: wholeFlag("expires-in-days", flags["expires-in-days"]) };
    const made = await (await client()).send<{ token: string; key: ApiKeyView }>("POST", "/keys", fields);
    io.err("Keep it now; it is not shown again.\n");
    print(made, () => `${made.token}\n`);
  },
});

export const keyRevoke = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [idOrPrefix]) => {
    const api = await client();
    const { items } = await api.get<{ items: ApiKeyView[] }>("/keys");
    const key = items.find((one) => one.id === idOrPrefix || one.prefix === idOrPrefix);
    // An operator may revoke keys of others, which are not in the list, by id.
    const id = key?.id ?? (idOrPrefix!.startsWith("key_") ? idOrPrefix! : null);
    if (id === null)
      throw new AppError("not_found", `you have no key ${idOrPrefix}; croft key list shows them`);
    const answer = await api.send("DELETE", `/keys/${encodeURIComponent(id)}`);
    print(answer, () => `Key ${key?.name ?? id} is revoked\n`);
  },
});
