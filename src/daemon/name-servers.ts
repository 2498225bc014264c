import { Resolver } from "node:dns/promises";
import type { DnsLookup } from "../certificates/dns/authoritative.ts";

/** There is no such name, or it has no such record: an answer, not a failure. */
const nothing = new Set(["ENOTFOUND", "ENODATA"]);

const orNone = <T>(lookup: Promise<T[]>): Promise<T[]> =>
  lookup.catch((error: { code?: string }) => {
    if (nothing.has(error.code ?? "")) return [];
    throw error;
  });

const bare = (name: string): string => name.replace(/\.$/, "").toLowerCase();

/**
 * Looks names up at name servers themselves: neither /etc/hosts nor a search list has a say in what the internet
 * sees.
 * @param servers `address[:port]`; the system's when empty
 */
export const createLookup = (servers: readonly string[]): DnsLookup => {
  // One for each question: they remember answers, and a person who just added a record wants another look.
  const ask = (): Resolver => {
    const resolver = new Resolver({ timeout: 2_000, tries: 2 });
    if (servers.length > 0) resolver.setServers([...servers]);
    return resolver;
  };
  return {
    addresses: async (name) => {
      const resolver = ask();
      const [four, six] = await Promise.allSettled([
        orNone(resolver.resolve4(name)),
        orNone(resolver.resolve6(name)),
      ]);
      if (four.status === "rejected" && six.status === "rejected") throw four.reason;
      const found = [four, six].flatMap((one) => (one.status === "fulfilled" ? one.value : []));
      // Half an answer says nothing about what is not there.
      if (found.length === 0 && (four.status === "rejected" || six.status === "rejected"))
        throw new Error(`the name servers of ${name} answered in part`);
      return found;
    },
    nameServers: async (zone) => (await orNone(ask().resolveNs(zone))).map(bare),
    alias: async (name) => (await orNone(ask().resolveCname(name))).map(bare)[0] ?? null,
    texts: async (name) => (await orNone(ask().resolveTxt(name))).map((parts) => parts.join("")),
  };
};
