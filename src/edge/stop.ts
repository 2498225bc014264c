import { cutExchange } from "./drain.ts";
import { closeSession, leaveSoon } from "./h2/session-end.ts";
import type { Edge } from "./state.ts";
import { closeVisitor } from "./visitor-end.ts";

const graceMs = 10_000;
const pollMs = 20;

/** Closes idle connections, asks those that speak HTTP/2 to leave, lets what is in flight finish for 10 s, then cuts it. Tunnels are cut at once. */
export const stopVisitors = async (edge: Edge): Promise<void> => {
  for (const visitor of [...edge.visitors])
    if (visitor.exchange === null) {
      if (visitor.phase === "head") closeVisitor(visitor);
    } else if (visitor.phase === "tunnel") cutExchange(visitor.exchange);
  for (const session of [...edge.sessions]) leaveSoon(session);
  const endsAtMs = edge.now() + graceMs;
  while (edge.visitors.size + edge.sessions.size > 0 && edge.now() < endsAtMs) await Bun.sleep(pollMs);
  for (const { exchange } of [...edge.visitors]) if (exchange !== null) cutExchange(exchange);
  for (const session of [...edge.sessions]) closeSession(session);
};
