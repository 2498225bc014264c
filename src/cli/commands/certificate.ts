import type { CertificateView, HttpsView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { facts, localTime, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const ends = (certificate: CertificateView): string =>
  certificate.notAfter === null ? "-" : localTime(certificate.notAfter);

const readPem = async (option: string, path: string | undefined): Promise<string> => {
  if (path === undefined) throw new UsageError(`--${option} FILE is missing`);
  const file = Bun.file(path);
  if (!(await file.exists())) throw new UsageError(`--${option}: there is no file ${path}`);
  return file.text();
};

export const certificateList = defineCommand({
  options: {},
  words: [0, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = slug === undefined ? "/certificates" : sitePath(slug, "/certificates", { environment });
    const answer = await (await client()).get<{ items: CertificateView[] }>(path);
    print(answer, () =>
      answer.items.length === 0
        ? slug === undefined
          ? "No certificates.\n"
          : "No certificates of its own; automatic ones stand in croft domain list.\n"
        : table([
            ["CERTIFICATE", "NAMES", "ISSUER", "STATE", "ENDS", "PROBLEM", "NEXT"],
            ...answer.items.map((one) => [
              one.id,
              one.names.join(" "),
              one.issuer ?? "-",
              one.state,
              ends(one),
              one.error ?? "-",
              one.nextStep ??
                (one.error && one.nextAttemptAt ? `tried again ${localTime(one.nextAttemptAt)}` : "-"),
            ]),
          ]),
    );
  },
});

type Where = { installation?: boolean | undefined; environment?: string | undefined };

/** Of a site, or with --installation of the panel and all sites of the base domain. */
const pathOf = (slug: string | undefined, rest: string, { installation, environment }: Where): string => {
  if (installation) return `/certificates${rest}`;
  if (slug === undefined) throw new UsageError("say which site, or --installation");
  return sitePath(slug, `/certificates${rest}`, { environment });
};

export const certificateAdd = defineCommand({
  options: { certificate: { type: "string" }, key: { type: "string" }, installation: { type: "boolean" } },
  words: [0, 1],
  run: async ({ client, print }, [slug], flags) => {
    if (flags.installation && slug !== undefined) throw new UsageError("--installation takes no site");
    const path = pathOf(slug, "", flags);
    const body = {
      certificate: await readPem("certificate", flags.certificate),
      key: await readPem("key", flags.key),
    };
    const made = await (await client()).send<CertificateView>("POST", path, body);
    print(made, () =>
      facts([
        ["certificate", made.id],
        ["names", made.names.join(" ")],
        ["issuer", made.issuer ?? "-"],
        ["ends", ends(made)],
        ["next", made.nextStep ?? undefined],
      ]),
    );
  },
});

export const certificateRemove = defineCommand({
  options: { installation: { type: "boolean" } },
  words: [1, 2],
  run: async ({ client, print }, words, flags) => {
    const id = words.at(-1)!;
    if (words.length !== (flags.installation ? 1 : 2))
      throw new UsageError("say which site, or --installation, and which certificate");
    const path = pathOf(words[0], `/${encodeURIComponent(id)}`, flags);
    const answer = await (await client()).send("DELETE", path);
    print(answer, () => `Certificate ${id} is removed\n`);
  },
});

const told = (certificate: CertificateView | null): string => {
  if (certificate === null) return "none";
  if (certificate.notAfter === null) return certificate.error === null ? "on its way" : "none yet";
  return `${certificate.issuer ?? "unknown"}, until ${ends(certificate)}`;
};

const statusOf = ({ on, panel, wildcard, authority }: HttpsView): string => {
  const failing = [panel.certificate, wildcard?.certificate].find((one) => one?.error);
  const paused = authority?.pausedUntil;
  return facts([
    ["https", on ? "on" : "off"],
    ["panel", panel.url],
    ["certificate", told(panel.certificate)],
    ["all sites", wildcard ? `${wildcard.name}: ${told(wildcard.certificate)}` : "one certificate each"],
    ["authority", authority ? authority.host + (authority.isStaging ? " (staging)" : "") : "none"],
    ["paused", paused ? `until ${localTime(paused)}: ${authority.pauseReason}` : undefined],
    ["problem", failing?.error ?? undefined],
    ["next try", failing?.nextAttemptAt ? localTime(failing.nextAttemptAt) : undefined],
    ["next", panel.nextStep ?? undefined],
  ]);
};

export const certificateStatus = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const https = await (await client()).get<HttpsView>("/https");
    print(https, () => statusOf(https));
  },
});

export const certificateRetry = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const https = await (await client()).send<HttpsView>("POST", "/https/retry");
    print(https, () => statusOf(https));
  },
});
