import type { DnsProviderView } from "../../domain/views.ts";
import type { Client } from "../client.ts";
import { defineCommand } from "../command.ts";
import { facts, localTime, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const providerPath = (zone: string, rest = ""): string => `/dns-providers/${encodeURIComponent(zone)}${rest}`;

const placeOf = (provider: DnsProviderView): string =>
  provider.server === null ? (provider.url ?? "-") : `${provider.server} (key ${provider.keyName})`;

interface TestResult {
  ok: boolean;
  record: string;
  error: string | null;
}

/** Name servers may take two minutes until all of them show a record. */
const test = (api: Client, zone: string): Promise<TestResult> =>
  api.send<TestResult>("POST", providerPath(zone, "/test"), undefined, { timeoutMs: 180_000 });

const told = ({ ok, record, error }: TestResult): string =>
  ok ? `${record} was set, seen at every name server, and removed\n` : `It does not work: ${error}\n`;

/** `key "name" { algorithm hmac-sha256; secret "…"; };`, as tsig-keygen writes it and BIND reads it. */
export const parseKeyFile = (text: string): { keyName: string; algorithm?: string; secret: string } => {
  const keyName = /\bkey\s+"?([A-Za-z0-9_.-]+)"?\s*\{/.exec(text)?.[1];
  const secret = /\bsecret\s+"?([A-Za-z0-9+/=]+)"?\s*;/.exec(text)?.[1];
  const algorithm = /\balgorithm\s+"?([a-z0-9-]+)"?\s*;/i.exec(text)?.[1]?.toLowerCase();
  if (keyName === undefined || secret === undefined)
    throw new UsageError("--key: is not a key file as tsig-keygen writes it");
  return { keyName, secret, ...(algorithm !== undefined && { algorithm }) };
};

export const dnsList = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const answer = await (await client()).get<{ items: DnsProviderView[] }>("/dns-providers");
    print(answer, () =>
      answer.items.length === 0
        ? "No DNS providers.\n"
        : table([
            ["ZONE", "BY", "LAST USED", "PROBLEM"],
            ...answer.items.map((one) => [
              one.zone,
              placeOf(one),
              one.usedAt === null ? "-" : localTime(one.usedAt),
              one.error ?? "-",
            ]),
          ]),
    );
  },
});

export const dnsAdd = defineCommand({
  options: {
    server: { type: "string" },
    key: { type: "string" },
    url: { type: "string" },
    username: { type: "string" },
    "password-stdin": { type: "boolean" },
  },
  words: [1, 1],
  run: async ({ client, io, print }, [zone], flags) => {
    const { server, key, url, username } = flags;
    if ((server === undefined) === (url === undefined))
      throw new UsageError("say where records are put: --server ADDRESS --key FILE, or --url URL");
    let input: object;
    if (url !== undefined) {
      const secret = flags["password-stdin"]
        ? await io.readStdin()
        : await io.ask("Password of the webhook: ", { secret: true });
      input = { kind: "webhook", zone, url, username, secret };
    } else {
      if (key === undefined) throw new UsageError("--key FILE is missing, as tsig-keygen writes it");
      const file = Bun.file(key);
      if (!(await file.exists())) throw new UsageError(`--key: there is no file ${key}`);
      input = { kind: "rfc2136", zone, server, ...parseKeyFile(await file.text()) };
    }
    const api = await client();
    const provider = await api.send<DnsProviderView>("POST", "/dns-providers", input);
    const tested = await test(api, provider.zone);
    print(
      { ...provider, test: tested },
      () =>
        facts([
          ["zone", provider.zone],
          ["by", placeOf(provider)],
        ]) + told(tested),
    );
    return tested.ok ? 0 : 1;
  },
});

export const dnsTest = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [zone]) => {
    const tested = await test(await client(), zone!);
    print(tested, () => told(tested));
    return tested.ok ? 0 : 1;
  },
});

export const dnsRemove = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [zone]) => {
    const answer = await (await client()).send("DELETE", providerPath(zone!));
    print(answer, () => `The DNS provider of ${zone} is removed\n`);
  },
});
