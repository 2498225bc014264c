import { acceptedCodings } from "../rules/accept-encoding.ts";
import { closeFound, type OpenFile, openInside } from "./static-file.ts";

/** A compressed file that lies beside the one that was asked for. */
export interface Encoded {
  coding: string;
  file: OpenFile;
}

/** The smallest first. */
const endings = { br: ".br", zstd: ".zst", gzip: ".gz" } as const;

/** Opens `app.js.br` (`.zst`, `.gz`) beside `app.js` when the visitor accepts it. */
export const openEncoded = async (plain: OpenFile, accept: string | undefined): Promise<Encoded | null> => {
  const accepted = acceptedCodings(accept);
  for (const [coding, ending] of Object.entries(endings)) {
    if (!accepted.has(coding)) continue;
    const file = await openInside(plain.folder, [...plain.segments.slice(0, -1), plain.name + ending]);
    if (file.kind !== "file") continue;
    if (file.stats.size > 0) return { coding, file };
    await closeFound(file);
  }
  return null;
};
