import { resolve } from "node:path";
import { AppError } from "../../errors.ts";
import { readSetupToken, setupTokenPath } from "../../identity/setup-token.ts";
import { writeAccount } from "../account-file.ts";
import { createClient } from "../client.ts";
import { defineCommand } from "../command.ts";
import { localUrl } from "../connection.ts";
import { readNewPassword } from "../read-password.ts";
import { UsageError } from "../usage-error.ts";

/** On the host itself: the token's file proves that whoever asks may read the data directory. */
export const setup = defineCommand({
  options: {
    username: { type: "string" },
    email: { type: "string" },
    "password-stdin": { type: "boolean" },
  },
  words: [0, 0],
  run: async ({ env, io, json, print }, _words, flags) => {
    const { username, email } = flags;
    if (username === undefined || email === undefined)
      throw new UsageError("--username and --email are needed");
    const dataDir = resolve(io.cwd, env.CROFT_DATA_DIR || "./data");
    const token = await readSetupToken(dataDir).catch((cause: unknown) => {
      throw new AppError(
        "forbidden",
        `${setupTokenPath(dataDir)} cannot be read; run this as the user that runs croft serve`,
        { cause },
      );
    });
    if (token === null)
      throw new AppError(
        "not_found",
        `there is no setup token in ${dataDir}: either the owner account exists already (croft login), or CROFT_DATA_DIR is not the daemon's, or croft serve has not run yet`,
      );
    const password = await readNewPassword(io, flags["password-stdin"] === true);
    const client = createClient({ url: localUrl(env), token: null, signal: io.signal });
    const made = await client.send<{ token: string }>("POST", "/setup", { token, username, email, password });
    // A script keeps the token itself; a person is signed in.
    const kept = json ? "" : await writeAccount(env, { url: client.url, token: made.token });
    print(
      { token: made.token },
      () => `Owner ${username} created. A key for this machine is kept in ${kept}\n`,
    );
  },
});
