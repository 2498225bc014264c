/** The command line itself is wrong: exit status 2, with the command's usage below the message. */
export class UsageError extends Error {
  override name = "UsageError";
}
