import type { DomainView, OwnAddressView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { facts, localTime, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const pathOf = (slug: string, name: string, rest: string, environment: string | undefined): string =>
  sitePath(slug, `/domains/${encodeURIComponent(name)}${rest}`, { environment });

const httpsOf = ({
  certificate,
  automaticHttps,
  state,
}: Pick<DomainView, "certificate" | "automaticHttps" | "state">): string => {
  if (certificate?.notAfter) return `until ${localTime(certificate.notAfter)}`;
  if (state === "waiting") return "-";
  return certificate ? "on its way" : automaticHttps ? "on its way" : "off";
};

/** What a person needs to know of one domain, and what to do next. */
const told = (domain: DomainView): string => {
  const { certificate } = domain;
  const next =
    domain.state === "waiting"
      ? domain.nextCheckAt
      : (certificate?.error && certificate.nextAttemptAt) || null;
  return (
    facts([
      ["domain", domain.name],
      ["state", domain.state === "verified" ? "leads here" : "waits until it leads here"],
      ["address", domain.state === "verified" ? domain.url : undefined],
      ["leads to", domain.redirectTo ?? undefined],
      ["certificate", certificate?.notAfter ? `${certificate.issuer}, ${httpsOf(domain)}` : httpsOf(domain)],
      ["problem", domain.error ?? undefined],
      ["next try", next ? localTime(next) : undefined],
    ]) + (domain.nextStep ? `Next: ${domain.nextStep}\n` : "")
  );
};

export const domainList = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/domains", { environment });
    const answer = await (await client()).get<{ own: OwnAddressView; items: DomainView[] }>(path);
    const { own } = answer;
    const ownHttps =
      own.certificate === null ? "off" : httpsOf({ ...own, state: "verified", automaticHttps: true });
    print(answer, () =>
      table([
        ["DOMAIN", "STATE", "LEADS TO", "HTTPS", "NEXT"],
        [own.name, "own", "-", ownHttps, own.certificate?.error ?? "-"],
        ...answer.items.map((one) => [
          one.primary ? `${one.name} (primary)` : one.name,
          one.state,
          one.redirectTo ?? "-",
          httpsOf(one),
          one.nextStep ?? one.error ?? "-",
        ]),
      ]),
    );
  },
});

export const domainAdd = defineCommand({
  options: { primary: { type: "boolean" }, www: { type: "boolean" } },
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { primary, www, environment }) => {
    const path = sitePath(slug!, "/domains", { environment });
    const domain = await (await client()).send<DomainView>("POST", path, { name, primary, www });
    print(domain, () => told(domain));
  },
});

export const domainVerify = defineCommand({
  options: {},
  words: [1, 2],
  run: async ({ client, print }, [slug, name], { environment }) => {
    const api = await client();
    const names =
      name !== undefined
        ? [name]
        : (await api.get<{ items: DomainView[] }>(sitePath(slug!, "/domains", { environment }))).items.map(
            (one) => one.name,
          );
    const items: DomainView[] = [];
    for (const one of names)
      items.push(await api.send<DomainView>("POST", pathOf(slug!, one, "/verify", environment)));
    print(name !== undefined ? items[0] : { items }, () =>
      items.length === 0 ? "No domains.\n" : items.map(told).join("\n"),
    );
    return items.every((one) => one.state === "verified") ? 0 : 1;
  },
});

export const domainSet = defineCommand({
  options: {
    primary: { type: "boolean" },
    "redirect-to": { type: "string" },
    "automatic-https": { type: "boolean" },
  },
  words: [2, 2],
  run: async ({ client, print }, [slug, name], flags) => {
    const redirectTo = flags["redirect-to"];
    const change = {
      primary: flags.primary,
      redirectTo: redirectTo === "none" ? null : redirectTo,
      automaticHttps: flags["automatic-https"],
    };
    if (Object.values(change).every((value) => value === undefined))
      throw new UsageError(
        "say what changes: --primary, --redirect-to or --automatic-https, or --no-… of them",
      );
    const domain = await (
      await client()
    ).send<DomainView>("PATCH", pathOf(slug!, name!, "", flags.environment), change);
    print(domain, () => told(domain));
  },
});

export const domainRemove = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { environment }) => {
    const answer = await (await client()).send("DELETE", pathOf(slug!, name!, "", environment));
    print(answer, () => `${name} is removed; ${slug} no longer answers there\n`);
  },
});
