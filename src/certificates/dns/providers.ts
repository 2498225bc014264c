import { z } from "zod";
import type { DnsProviderRecord } from "../../domain/records.ts";
import { createRfc2136 } from "./rfc2136.ts";
import type { DnsProvider } from "./provider.ts";
import { tsigAlgorithms } from "./tsig.ts";
import { createWebhook } from "./webhook.ts";

export const rfc2136Settings = z.object({
  /** IP address; of the primary, which takes updates. */
  host: z.string(),
  port: z.int(),
  keyName: z.string(),
  algorithm: z.enum(tsigAlgorithms),
});

export const webhookSettings = z.object({ url: z.url(), username: z.string() });

/** `place` of a provider's secret in the secret box. */
export const dnsSecretPlace = (id: string): string => `dns-provider:${id}`;

/** A provider as its row describes it. @param secret as it was given: base64 of a TSIG key, or a password */
export const openProvider = (
  row: Pick<DnsProviderRecord, "kind" | "settings" | "zone">,
  secret: string,
  deps: { nowMs(): number; userAgent: string },
): DnsProvider => {
  if (row.kind === "webhook") {
    const { url, username } = webhookSettings.parse(JSON.parse(row.settings));
    return createWebhook({ url, username, password: secret, zone: row.zone }, deps);
  }
  const { host, port, keyName, algorithm } = rfc2136Settings.parse(JSON.parse(row.settings));
  return createRfc2136(
    {
      server: { host, port },
      zone: row.zone,
      key: { name: keyName, algorithm, secret: Buffer.from(secret, "base64") },
    },
    deps,
  );
};
