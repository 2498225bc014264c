/** No line is longer; what goes beyond comes as further lines. Docker itself cuts at 16 KB. */
export const maxLineChars = 16_384;

/**
 * Collects bytes to lines, UTF-8 decoded, without their end of line. Lines longer than `maxLineChars` are cut
 * into several, so that a stream without newlines takes no memory.
 */
export const createLineSplitter = (onLine: (line: string) => void) => {
  const decoder = new TextDecoder();
  let rest = "";
  const emit = (line: string) => {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (text.length <= maxLineChars) return onLine(text);
    for (let at = 0; at < text.length; at += maxLineChars) onLine(text.slice(at, at + maxLineChars));
  };
  const pushText = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) emit(line);
    for (; rest.length > maxLineChars; rest = rest.slice(maxLineChars)) onLine(rest.slice(0, maxLineChars));
  };
  return {
    push: (bytes: Uint8Array) => pushText(decoder.decode(bytes, { stream: true })),
    pushText,
    /** Gives out an unfinished last line. */
    end() {
      pushText(decoder.decode());
      if (rest !== "") emit(rest);
      rest = "";
    },
  };
};
