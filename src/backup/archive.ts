import { AppError } from "../errors.ts";

type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;

/** Messages of a run that ended otherwise than well; GNU tar's own, in English. */
const lastLines = (text: string): string => text.trim().split("\n").slice(-5).join("; ").slice(0, 1000);

const mostWarnings = 20;

const warningsOf = (words: string): string[] => {
  const lines = words
    .split("\n")
    .map((line) => line.replace(/^tar: /, "").slice(0, 300))
    .filter((line) => line !== "" && !line.startsWith("Exiting with"));
  const more = lines.length - mostWarnings;
  return more > 0 ? [...lines.slice(0, mostWarnings), `and ${more} more`] : lines;
};

const tar = (args: string[], stdin: "ignore" | Bytes, stdout: "pipe" | "ignore", signal: AbortSignal) =>
  // nice, so that sites do not feel a backup
  Bun.spawn(["nice", "-n", "10", "tar", ...args], {
    stdin: stdin as never,
    stdout,
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C" },
    signal,
    killSignal: "SIGKILL",
  });

/**
 * Reads files below `root` as a tar archive. `consume` gets the stream.
 * @param members paths relative to `root`
 * @param exclude patterns in which `*` does not match `/`
 * @returns what `consume` made of it, and warnings: files that changed or went while they were read
 * @throws AppError `unavailable` with tar's own words
 */
export const packFiles = async <T>(
  root: string,
  members: string[],
  exclude: string[],
  consume: (archive: Bytes) => Promise<T>,
  signal: AbortSignal,
): Promise<{ result: T; warnings: string[] }> => {
  const child = tar(
    [
      "--create",
      "--file=-",
      `--directory=${root}`,
      "--numeric-owner",
      "--sparse",
      "--xattrs",
      "--one-file-system",
      "--anchored",
      "--no-wildcards-match-slash",
      ...exclude.map((pattern) => `--exclude=${pattern}`),
      "--",
      ...members,
    ],
    "ignore",
    "pipe",
    signal,
  );
  const stderr = new Response(child.stderr).text();
  try {
    const result = await consume(child.stdout as Bytes);
    const exitCode = await child.exited;
    const words = await stderr;
    // 1: some files changed or vanished while being read, which is what files in use do
    if (exitCode > 1 || child.signalCode !== null)
      throw new AppError(
        "unavailable",
        `files could not be packed: ${lastLines(words) || `tar ended with ${exitCode}`}`,
      );
    const warnings = warningsOf(words);
    return { result, warnings };
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
};

/**
 * Unpacks a member, and what is below it, into a folder, with owners and modes; null only reads all of it.
 * @throws Error with tar's own words when the archive is not whole
 */
export const unpackFiles = async (
  archive: Bytes,
  into: { folder: string; member: string } | null,
  signal: AbortSignal,
): Promise<void> => {
  const args =
    into === null
      ? ["--list", "--file=-"]
      : [
          "--extract",
          "--file=-",
          `--directory=${into.folder}`,
          "--numeric-owner",
          "--same-owner",
          "--preserve-permissions",
          "--xattrs",
          "--xattrs",
          "--xattrs-include=*",
          "--",
          into.member,
        ];
  const child = tar(args, archive, "ignore", signal);
  const words = await new Response(child.stderr).text();
  const exitCode = await child.exited;
  if (exitCode !== 0) throw new Error(lastLines(words) || `tar ended with ${exitCode}`);
};
