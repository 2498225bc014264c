import { isIPv6 } from "node:net";
import type { AcmeChallenge } from "../domain/edge.ts";
import type { Pointing } from "./domain-deps.ts";

export interface PointingDeps {
  /** All IPv4 and IPv6 addresses that a name leads to, over CNAMEs; empty when there are none. */
  resolve(name: string): Promise<string[]>;
  publicAddresses(): string[];
  /** Makes the edge answer. @returns takes it away again */
  publish(challenge: AcmeChallenge): Promise<() => Promise<void>>;
  /** Where visitors of plain HTTP come in. */
  httpPort: number;
  /** Which addresses a request that a tenant caused may reach. */
  mayAsk(address: string): boolean;
}

const answerMs = 5_000;
const mostAddresses = 8;

const canonical = (address: string): string =>
  isIPv6(address) ? new URL(`http://[${address}]`).hostname : address;

/**
 * Whether every address of a name is this server: one of its own, or one that hands a request through to its edge
 * (NAT, a load balancer), which is asked for a token. Every one, since visitors and certificate authorities may come
 * by any of them. They are asked by address, without redirects: a name is its owner's word.
 */
export const pointsHere = async (deps: PointingDeps, name: string): Promise<Pointing> => {
  let addresses: string[];
  try {
    addresses = (await deps.resolve(name)).map(canonical);
  } catch {
    return { here: false, reason: "its name servers do not answer" };
  }
  if (addresses.length === 0) return { here: false, reason: "it has neither an A nor an AAAA record yet" };
  const own = new Set(deps.publicAddresses().map(canonical));
  const others = addresses.filter((address) => !own.has(address));
  if (others.length === 0) return { here: true };
  const elsewhere = await asked(deps, name, others.slice(0, mostAddresses));
  return elsewhere.length === 0
    ? { here: true }
    : {
        here: false,
        reason: `it leads to ${elsewhere.join(" and ")}, where this server does not answer`,
      };
};

/** @returns those of the addresses that are not this server */
const asked = async (deps: PointingDeps, name: string, addresses: string[]): Promise<string[]> => {
  const bare = (address: string) => address.replace(/^\[|\]$/g, "");
  const mayAsk = addresses.filter((address) => deps.mayAsk(bare(address)));
  if (mayAsk.length === 0) return addresses.map(bare);
  const token = Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString("base64url");
  const keyAuthorization = `${token}.croft-domain-check`;
  const withdraw = await deps.publish({ token, keyAuthorization, host: name });
  try {
    const answers = await Promise.all(
      addresses.map(async (address) =>
        mayAsk.includes(address) && (await answerAt(deps, name, address, token)) === keyAuthorization
          ? null
          : bare(address),
      ),
    );
    return answers.filter((address) => address !== null);
  } finally {
    await withdraw();
  }
};

const answerAt = async (
  deps: PointingDeps,
  name: string,
  address: string,
  token: string,
): Promise<string | null> => {
  try {
    const response = await fetch(`http://${address}:${deps.httpPort}/.well-known/acme-challenge/${token}`, {
      headers: { host: name },
      redirect: "manual",
      signal: AbortSignal.timeout(answerMs),
    });
    if (response.status !== 200 || response.body === null) return null;
    let text = "";
    for await (const chunk of response.body) {
      text += Buffer.from(chunk).toString("latin1");
      if (text.length > 500) return null;
    }
    return text;
  } catch {
    return null;
  }
};
