import { isAmong } from "../rules/networks.ts";
import type { Edge } from "../state.ts";

/** Whether the peer begins its connections with a PROXY header: trusted proxies do, all others may not. */
export const isIntroduced = (edge: Edge, address: string): boolean =>
  edge.proxyProtocol && edge.router.trusted !== null && isAmong(edge.router.trusted, address);

const quietMs = 60_000;

/** Says in the log, once in a while, why a trusted proxy's connections are closed. */
export const noteIntroduction = (edge: Edge, address: string): void => {
  const nowMs = edge.now();
  if (nowMs < edge.introductionNotedMs + quietMs) return;
  edge.introductionNotedMs = nowMs;
  edge.log.warn("a trusted proxy's connection does not begin with a PROXY header and is closed", { address });
};
