import { exchange, type ServerAddress } from "./exchange.ts";
import { decodeMessage, recordClasses, recordTypes, responseCodeText, textData } from "./message.ts";
import type { DnsProvider } from "./provider.ts";
import { checkSignature, signMessage, type TsigKey } from "./tsig.ts";

const updateOpcode = 5 << 11;
/** Long enough for an authority's several looks, short enough that nothing remembers it for long. */
const ttlSeconds = 60;

export interface Rfc2136Settings {
  server: ServerAddress;
  zone: string;
  key: TsigKey;
}

/** Dynamic updates (RFC 2136), signed by a shared key (RFC 8945), as BIND, Knot, PowerDNS and others take them. */
export const createRfc2136 = (
  { server, zone, key }: Rfc2136Settings,
  deps: { nowMs(): number },
): DnsProvider => {
  const update = async (
    name: string,
    value: string,
    change: { class: number; ttl: number },
    signal: AbortSignal,
  ): Promise<void> => {
    const request = signMessage(
      {
        id: crypto.getRandomValues(new Uint16Array(1))[0]!,
        flags: updateOpcode,
        question: [{ name: zone, type: recordTypes.soa, class: recordClasses.internet }],
        answer: [],
        authority: [{ name, type: recordTypes.txt, data: textData(value), ...change }],
        additional: [],
      },
      key,
      deps.nowMs(),
    );
    const answer = await exchange(server, request.bytes, signal);
    const code = decodeMessage(answer).flags & 0xf;
    const checked = checkSignature(answer, key, request.mac, deps.nowMs());
    const says = (what: string) => new Error(`the name server ${server.host}: ${what}`);
    // A refusal that carries no signature says why by its code alone.
    if (code !== 0 && (checked.good || !checked.signed)) throw says(responseCodeText(code));
    if (!checked.good) throw says(checked.reason);
  };
  return {
    server,
    present: (name, value, signal) =>
      update(name, value, { class: recordClasses.internet, ttl: ttlSeconds }, signal),
    // Section 2.5.4: class NONE deletes one record from a set.
    cleanUp: (name, value, signal) => update(name, value, { class: recordClasses.none, ttl: 0 }, signal),
  };
};
