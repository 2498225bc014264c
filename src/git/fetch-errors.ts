import { AppError } from "../errors.ts";
import { plainLine } from "./plain-line.ts";
import type { GitResult } from "./run-git.ts";

/** The first line that says what went wrong, without git's prefixes. */
const excerpt = (stderr: string): string => {
  const lines = stderr.split("\n").map(plainLine).filter(Boolean);
  const line = lines.find((one) => /^(fatal|error):/.test(one)) ?? lines.at(-1) ?? "no reason was given";
  return line.replace(/^(fatal|error):\s*/, "").slice(0, 200);
};

/** The wanted object is not offered by the server; a fetch of the branch may still bring it. */
export const isUnknownCommit = (stderr: string): boolean =>
  /not our ref|unadvertised object|couldn't find remote ref [0-9a-f]{40}/.test(stderr);

export const isUnknownBranch = (stderr: string): boolean => /couldn't find remote ref/.test(stderr);

export const isRedirect = (stderr: string): boolean => /returned error: 30[1278]|redirect/i.test(stderr);

/**
 * Why git could not fetch, as a sentence for people. Git ends with 128 for everything, so its (English) words are
 * all there is to tell the reasons apart; what they don't match is quoted in short.
 */
export const fetchError = (result: GitResult, target: { url: string; host: string }): AppError => {
  const { stderr } = result;
  const fail = (message: string) => new AppError("deploy_failed", message, { cause: plainLine(stderr) });
  if (result.ended === "deadline")
    return new AppError("unavailable", `the repository ${target.url} could not be fetched in time`);
  if (isRedirect(stderr))
    return fail(`${target.url} redirects to another address; use the repository's final address`);
  if (/could not read Username|Authentication failed|returned error: 40[134]|not found/i.test(stderr))
    return fail(`the repository ${target.url} was not found, or it is private`);
  if (/certificate|SSL|TLS|handshake/i.test(stderr))
    return fail(`the certificate of ${target.host} is not trusted, or the connection is not secure`);
  if (
    /Failed to connect|Couldn't connect|Connection (refused|reset|timed out)|Operation too slow|returned error: 5\d\d/i.test(
      stderr,
    )
  )
    return new AppError("unavailable", `${target.host} could not be reached or did not answer properly`, {
      cause: plainLine(stderr),
    });
  if (
    /not valid: is this a git repository|protocol error|bad line length|invalid server response|dumb http/i.test(
      stderr,
    )
  )
    return fail(`there is no git repository at ${target.url}`);
  if (/fsck error|error in object/i.test(stderr))
    return fail(`the repository holds a damaged or dangerous object: ${excerpt(stderr)}`);
  return fail(`the repository ${target.url} could not be fetched: ${excerpt(stderr)}`);
};
