import type { Io } from "./io.ts";
import { UsageError } from "./usage-error.ts";

/** From standard input when told so, else asked twice on the terminal. Never from the command line. */
export const readNewPassword = async (io: Io, fromStdin: boolean): Promise<string> => {
  if (fromStdin) return io.readStdin();
  const password = await io.ask("Password: ", { secret: true });
  if ((await io.ask("Once more: ", { secret: true })) !== password)
    throw new UsageError("the two passwords are not the same");
  return password;
};
