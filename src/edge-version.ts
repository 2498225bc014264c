import { edgeSources } from "./edge/edge-sources.ts";
import { version } from "./version.ts";

/** What a running edge says it is: a daemon adopts an edge of exactly this, and replaces any other. */
export const edgeVersion = `${version}+${edgeSources}`;
