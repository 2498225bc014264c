const encoder = new TextEncoder();
const block = 512;

/**
 * One regular file as a tar entry (POSIX.1-1988 ustar, mode 0644, owner root, mtime 0): header and padded
 * content, to stand before or among the entries of another writer.
 * @param name at most 100 bytes
 */
export const tarEntry = (name: string, content: string): Uint8Array => {
  const body = encoder.encode(content);
  const entry = new Uint8Array(block + Math.ceil(body.length / block) * block);
  const put = (at: number, text: string) => entry.set(encoder.encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0") + "\0";
  put(0, name);
  put(100, octal(0o644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(body.length, 11));
  put(136, octal(0, 11));
  put(148, " ".repeat(8)); // the checksum counts itself as spaces
  put(156, "0");
  put(257, "ustar\x0000");
  const sum = entry.subarray(0, block).reduce((total, byte) => total + byte, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  entry.set(body, block);
  return entry;
};
