import { open } from "node:fs/promises";
import { AppError } from "../errors.ts";
import type { BackupPart } from "./manifest.ts";

type Bytes = ReadableStream<Uint8Array<ArrayBuffer>>;
/** What the stream types of the standard library make of Bun's wider list of formats. */
const zstd = "zstd" as CompressionFormat;

/**
 * Lets timers and sockets in every few megabytes: a stream whose data is at hand goes on without ever giving way.
 */
const pacer = (everyBytes = 1 << 20): ((bytes: number) => Promise<void> | undefined) => {
  let since = 0;
  return (bytes) => {
    since += bytes;
    if (since < everyBytes) return undefined;
    since = 0;
    return new Promise((resolve) => setImmediate(resolve));
  };
};

/** Counts what goes through. */
const counter = (onChunk: (chunk: Uint8Array) => void) => {
  const pace = pacer();
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    async transform(chunk, controller) {
      onChunk(chunk);
      controller.enqueue(chunk);
      await pace(chunk.length);
    },
  });
};

/** Puts a folder's entries on the disk: a file that has its name after a power loss has its content too. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
};

const write = async (
  source: Bytes,
  target: string,
  onChunk: (chunk: Uint8Array) => void,
  signal: AbortSignal,
): Promise<number> => {
  const file = await open(target, "wx", 0o600);
  let bytes = 0;
  try {
    for await (const chunk of source) {
      signal.throwIfAborted();
      onChunk(chunk);
      bytes += chunk.length;
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return bytes;
};

/** Compresses a stream into a new file, which is on the disk when this resolves. */
export const writePart = async (
  source: Bytes,
  target: string,
  signal: AbortSignal,
): Promise<Pick<BackupPart, "bytes" | "contentBytes" | "sha256">> => {
  let contentBytes = 0;
  const counted = source.pipeThrough(counter((chunk) => (contentBytes += chunk.length)));
  const hash = new Bun.CryptoHasher("sha256");
  const compressed = counted.pipeThrough(new CompressionStream(zstd));
  const bytes = await write(compressed, target, (chunk) => hash.update(chunk), signal);
  return { bytes, contentBytes, sha256: hash.digest("hex") };
};

const broken = (part: BackupPart, why: string, cause?: unknown): AppError =>
  new AppError("unavailable", `this backup is damaged: ${part.path} ${why}`, { cause });

/**
 * Hands a part's content to `consume`, and holds sizes and checksum against the manifest on the way.
 * @throws AppError `unavailable` naming the part that is missing, cut off or changed
 */
export const readPart = async <T>(
  path: string,
  part: BackupPart,
  consume: (content: Bytes) => Promise<T>,
): Promise<T> => {
  const file = Bun.file(path);
  if (!(await file.exists())) throw broken(part, "is missing");
  if (file.size !== part.bytes) throw broken(part, `has ${file.size} bytes instead of ${part.bytes}`);
  const hash = new Bun.CryptoHasher("sha256");
  const pace = pacer();
  for await (const chunk of file.stream()) {
    hash.update(chunk);
    await pace(chunk.length);
  }
  if (hash.digest("hex") !== part.sha256) throw broken(part, "does not match its checksum");

  let contentBytes = 0;
  const content = file
    .stream()
    .pipeThrough(new DecompressionStream(zstd))
    .pipeThrough(counter((chunk) => (contentBytes += chunk.length)));
  let result: T;
  try {
    result = await consume(content);
  } catch (cause) {
    throw cause instanceof AppError ? cause : broken(part, "cannot be unpacked", cause);
  }
  if (contentBytes !== part.contentBytes)
    throw broken(part, `holds ${contentBytes} bytes instead of ${part.contentBytes}`);
  return result;
};

/** Writes a part's content to a new file. */
export const unpackFile = (
  path: string,
  part: BackupPart,
  target: string,
  signal: AbortSignal,
): Promise<number> => readPart(path, part, (content) => write(content, target, () => {}, signal));
