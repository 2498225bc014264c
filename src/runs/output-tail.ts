/**
 * The last lines of what is printed, whatever its length; a line that is longer than all that is kept loses its
 * beginning. Secrets are masked before anything is cut, so that no half of one remains.
 */
export const createOutputTail = (
  most: { lines: number; chars: number },
  mask: (text: string) => string = (text) => text,
) => {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  let text = "";
  let cut = false;
  const trim = (): void => {
    text = mask(text);
    if (text.length > most.chars) {
      text = text.slice(-most.chars);
      cut = true;
    }
    // A line that is not ended yet counts.
    let from = text.length;
    const ended = text.endsWith("\n") ? 1 : 0;
    for (let i = 0; i < most.lines + ended && from >= 0; i++) from = text.lastIndexOf("\n", from - 1);
    if (from > 0) {
      text = text.slice(from + 1);
      cut = true;
    }
  };
  return {
    add(name: "stdout" | "stderr", bytes: Uint8Array): void {
      text += decoders[name].decode(bytes, { stream: true });
      // Not for each piece: a flood of short ones would be copied over and over.
      if (text.length > 2 * most.chars) trim();
    },
    text(): string {
      trim();
      return cut ? `…\n${text}` : text;
    },
  };
};

export type OutputTail = ReturnType<typeof createOutputTail>;
