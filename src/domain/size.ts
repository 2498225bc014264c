/** Binary multiples, as Docker and the kernel count. */
export const KB = 1024;
export const MB = 1024 * KB;
export const GB = 1024 * MB;

const factors: Record<string, number> = { "": 1, b: 1, k: KB, m: MB, g: GB, t: 1024 * GB };

/**
 * Reads `128m`, `1.5g`, `512MB`, `1GiB` or a number of bytes.
 * @returns bytes, or null when the text is not a size.
 */
export const parseBytes = (text: string): number | null => {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) return null;
  return Math.round(Number(match[1]) * factors[match[2]!.toLowerCase()]!);
};

/** `82 MB`, `1.5 GB`: three significant digits at most. */
export const formatBytes = (bytes: number): string => {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${units[unit]}`;
};
