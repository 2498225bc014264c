import type { UserView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { readNewPassword } from "../read-password.ts";
import { table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

export const userList = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const answer = await (await client()).get<{ items: UserView[] }>("/users");
    print(answer, () =>
      table([
        ["USER", "E-MAIL", "OPERATOR"],
        ...answer.items.map((user) => [user.username, user.email, user.isAdmin ? "yes" : "no"]),
      ]),
    );
  },
});

export const userCreate = defineCommand({
  options: {
    email: { type: "string" },
    admin: { type: "boolean" },
    "password-stdin": { type: "boolean" },
  },
  words: [1, 1],
  run: async ({ client, io, print }, [username], flags) => {
    if (flags.email === undefined) throw new UsageError("--email is needed");
    const password = await readNewPassword(io, flags["password-stdin"] === true);
    const fields = { username, email: flags.email, password, isAdmin: flags.admin === true };
    const user = await (await client()).send<UserView>("POST", "/users", fields);
    print(user, () => `User ${user.username} created\n`);
  },
});
