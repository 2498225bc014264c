import { isIP } from "node:net";
import { textOf } from "./fields.ts";
import { isAmong, type Networks } from "./rules/networks.ts";
import { provenanceOf } from "./provenance.ts";
import type { Exchange } from "./state.ts";

/** What a trusted proxy in front of the edge says of a request; null where it says nothing that can be believed. */
export interface Provenance {
  address: string | null;
  secure: boolean | null;
  requestId: string | null;
}

/**
 * Reads the fields of a head, as received. The client is the last address in `X-Forwarded-For` that is no trusted
 * proxy itself: everything before it may be invented.
 */
export const readProvenance = (head: string, trusted: Networks): Provenance => {
  const said: Provenance = { address: null, secure: null, requestId: null };
  const chain: string[] = [];
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon).toLowerCase()) {
      case "x-forwarded-for":
        chain.push(...value.split(",").map((part) => part.trim()));
        break;
      case "x-forwarded-proto": {
        const last = value.split(",").at(-1)!.trim().toLowerCase();
        said.secure = last === "https" ? true : last === "http" ? false : null;
        break;
      }
      case "x-request-id":
        said.requestId = /^[A-Za-z0-9._~+/=-]{1,128}$/.test(value) ? value : null;
        break;
      default:
    }
  }
  for (const address of chain.toReversed()) {
    const plain = addressOf(address);
    if (plain === null) break;
    said.address = plain;
    if (!isAmong(trusted, plain)) break;
  }
  return said;
};

/** Some proxies add a port, or brackets around IPv6. */
const addressOf = (text: string): string | null => {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 || bare.includes("%") ? null : bare;
};

/** Lets the exchange go on as what the proxy says it is. */
export const believeProxy = (
  exchange: Exchange,
  trusted: Networks,
  input: Uint8Array,
  from: number,
  to: number,
): void => {
  const { address, secure, requestId } = readProvenance(textOf(input, from, to), trusted);
  exchange.address = address ?? exchange.address;
  exchange.secure = secure ?? exchange.secure;
  exchange.requestId = requestId ?? exchange.requestId;
  exchange.provenance = provenanceOf(exchange.address, exchange.secure);
};
