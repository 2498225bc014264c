import { AppError } from "../errors.ts";

type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;

const mostWarnings = 20;
const lastKept = 5;
const maxLineChars = 300;

/** What tar said (GNU tar's own words, in English), by the line and bounded: it can have a word about every file. */
interface Words {
  first: string[];
  last: string[];
  count: number;
  /** Of the lines that are errors, not all were about paths longer than the kernel takes. */
  otherErrors: boolean;
}

const isAside = (line: string): boolean => line === "" || line.startsWith("Exiting with");

const listen = async (stderr: ReadableStream<Uint8Array>): Promise<Words> => {
  const words: Words = { first: [], last: [], count: 0, otherErrors: false };
  const hear = (text: string): void => {
    const whole = text.replace(/^tar: /, "");
    if (isAside(whole)) return;
    if (!whole.endsWith(tooLong)) words.otherErrors = true;
    const line = whole.length > maxLineChars ? `${whole.slice(0, maxLineChars)} …` : whole;
    words.count++;
    if (words.first.length < mostWarnings) words.first.push(line);
    words.last.push(line);
    if (words.last.length > lastKept) words.last.shift();
  };
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stderr) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    for (const line of lines) hear(line);
  }
  hear(rest);
  return words;
};

/** ENAMETOOLONG, as strerror(3) says it. */
const tooLong = ": File name too long";

const lastLines = ({ last }: Words): string => last.join("; ").slice(0, 1000);

const warningsOf = ({ first, count }: Words): string[] =>
  count > first.length ? [...first, `and ${count - first.length} more`] : first;

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
  const stderr = listen(child.stderr);
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
 * Unpacks a member, and what is below it, into a folder, with owners and modes; null only reads all of it. An app can
 * nest folders in its volume deeper than any path can name: such files are left out, and must not keep everything
 * else from being restored.
 * @returns sentences about what was left out
 * @throws Error with tar's own words when the archive is not whole
 */
export const unpackFiles = async (
  archive: Bytes,
  into: { folder: string; member: string } | null,
  signal: AbortSignal,
): Promise<string[]> => {
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
          "--xattrs-include=*",
          "--",
          into.member,
        ];
  const child = tar(args, archive, "ignore", signal);
  const words = await listen(child.stderr as ReadableStream<Uint8Array>);
  const exitCode = await child.exited;
  if (exitCode === 0) return [];
  if (into === null || child.signalCode !== null || words.count === 0 || words.otherErrors)
    throw new Error(lastLines(words) || `tar ended with ${exitCode}`);
  return [
    `${words.count} files of ${into.member} were left out: their paths are longer than 4,096 characters`,
  ];
};
