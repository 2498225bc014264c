import { Resolver } from "node:dns/promises";

/** There is no such name, or it has no such record: an answer, not a failure. */
const nothing = new Set(["ENOTFOUND", "ENODATA"]);

/**
 * Looks names up at name servers themselves: neither /etc/hosts nor a search list has a say in what the internet
 * sees.
 * @param servers `address[:port]`; the system's when empty
 * @returns IPv4 and IPv6 addresses that a name leads to; rejects when no server answers
 */
export const createResolver = (servers: readonly string[]): ((name: string) => Promise<string[]>) => {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  if (servers.length > 0) resolver.setServers([...servers]);
  const orNone = (lookup: Promise<string[]>): Promise<string[]> =>
    lookup.catch((error: { code?: string }) => {
      if (nothing.has(error.code ?? "")) return [];
      throw error;
    });
  return async (name) => {
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
  };
};
