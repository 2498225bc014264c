import { exchange, type ServerAddress } from "./exchange.ts";
import { decodeMessage, encodeMessage, recordClasses, recordTypes, textOf } from "./message.ts";

/** Looks names up as the internet sees them. */
export interface DnsLookup {
  /** IPv4 and IPv6 addresses; empty when there are none. Rejects when no server answers. */
  addresses(name: string): Promise<string[]>;
  /** Names of a zone's servers; empty when there are none. */
  nameServers(zone: string): Promise<string[]>;
  /** Where a CNAME of the name leads; null without one. */
  alias(name: string): Promise<string | null>;
  /** Texts of the name's TXT records; of those longer than 255 bytes the pieces. */
  texts(name: string): Promise<string[]>;
}

/** Asks one server for the TXT records of a name that it is authoritative for. */
export const textsAt = async (
  server: ServerAddress,
  name: string,
  signal: AbortSignal,
): Promise<string[]> => {
  const question = encodeMessage({
    id: crypto.getRandomValues(new Uint16Array(1))[0]!,
    flags: 0,
    question: [{ name, type: recordTypes.txt, class: recordClasses.internet }],
    answer: [],
    authority: [],
    additional: [],
  });
  const { answer } = decodeMessage(await exchange(server, question, signal));
  return answer
    .filter((record) => record.type === recordTypes.txt && record.name === name)
    .map((record) => textOf(record.data));
};

export interface WaitDeps {
  lookup: DnsLookup;
  sleep(ms: number): Promise<void>;
  monotonicMs(): number;
  patienceMs: number;
  signal: AbortSignal;
}

const mostServers = 16;

/**
 * Waits until every server of the zone that answers shows the record: an authority asks any of them, and one that
 * lags behind would fail the challenge. Servers that do not answer are left out as long as one does.
 * @param first a server that is asked besides, such as a hidden primary
 * @throws Error naming the servers that do not show it in time
 */
export const waitUntilShown = async (
  deps: WaitDeps,
  zone: string,
  name: string,
  value: string,
  first: ServerAddress | null,
): Promise<void> => {
  const servers = await serversOf(deps.lookup, zone, first);
  if (servers.length === 0) throw new Error(`the name servers of ${zone} could not be found`);
  const endMs = deps.monotonicMs() + deps.patienceMs;
  for (let pauseMs = 200; ; pauseMs = Math.min(5_000, pauseMs * 1.6)) {
    const seen = await Promise.all(
      servers.map((server) =>
        textsAt(server, name, deps.signal).then(
          (texts) => texts.includes(value),
          () => null,
        ),
      ),
    );
    deps.signal.throwIfAborted();
    if (seen.some((one) => one === true) && seen.every((one) => one !== false)) return;
    if (deps.monotonicMs() > endMs) {
      const lagging = servers.filter((_, i) => seen[i] !== true).map(({ host }) => host);
      throw new Error(
        `the record ${name} was added, but ${[...new Set(lagging)].join(", ")} did not show it within ${deps.patienceMs / 1000} s`,
      );
    }
    await deps.sleep(pauseMs);
  }
};

const serversOf = async (
  lookup: DnsLookup,
  zone: string,
  first: ServerAddress | null,
): Promise<ServerAddress[]> => {
  const names = await lookup.nameServers(zone).catch(() => []);
  const found = await Promise.all(names.map((name) => lookup.addresses(name).catch(() => [])));
  const hosts = [...new Set(found.flat())].slice(0, mostServers).map((host) => ({ host, port: 53 }));
  return first === null || hosts.some((one) => one.host === first.host && one.port === first.port)
    ? hosts
    : [first, ...hosts];
};
