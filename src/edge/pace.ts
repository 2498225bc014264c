import { boundUnread, boundUnsent, narrowBuffers, wideBuffers } from "./kernel-buffers.ts";
import type { Exchange, UpstreamConnection } from "./state.ts";

/**
 * Every answer begins with narrow buffers: of thousands who ask for much and hardly read, each then costs little. Who has
 * taken some megabytes without keeping the edge waiting gets wide ones, and keeps them until it does.
 */

/** More than a visitor's system takes in for a program that reads nothing. */
const wideAfterBytes = 2 * 1024 * 1024;

/** After bytes that the visitor's system has taken at once. */
export const quicken = (exchange: Exchange, upstream: UpstreamConnection): void => {
  if (exchange.quick || exchange.bytesOut < wideAfterBytes || upstream.phase !== "body") return;
  exchange.quick = true;
  upstream.wide = true;
  boundUnread(upstream.out.socket, wideBuffers);
  boundUnsent(exchange.visitor.out.socket, wideBuffers);
};

/**
 * The visitor is slow after all. Only now that the upstream's bytes wait, too: less room than it was promised would cost
 * an upstream that sends just then its packets.
 */
export const slacken = (exchange: Exchange): void => {
  const { visitor, upstream } = exchange;
  if (upstream === null || !upstream.wide) return;
  exchange.quick = false;
  upstream.wide = false;
  boundUnread(upstream.out.socket, narrowBuffers);
  boundUnsent(visitor.out.socket, narrowBuffers);
};
