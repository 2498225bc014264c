import { hashEdgeSources } from "./edge-sources.macro.ts" with { type: "macro" };

/** Tells this edge's code from that of other builds with the same version number. */
export const edgeSources: string = hashEdgeSources();
