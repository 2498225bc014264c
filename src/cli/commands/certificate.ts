import type { CertificateView } from "../../domain/views.ts";
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
            ["CERTIFICATE", "NAMES", "ISSUER", "ENDS", "PROBLEM"],
            ...answer.items.map((one) => [
              one.id,
              one.names.join(" "),
              one.issuer ?? "-",
              ends(one),
              one.error ?? "-",
            ]),
          ]),
    );
  },
});

export const certificateAdd = defineCommand({
  options: { certificate: { type: "string" }, key: { type: "string" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], flags) => {
    const body = {
      certificate: await readPem("certificate", flags.certificate),
      key: await readPem("key", flags.key),
    };
    const path = sitePath(slug!, "/certificates", { environment: flags.environment });
    const made = await (await client()).send<CertificateView>("POST", path, body);
    print(made, () =>
      facts([
        ["certificate", made.id],
        ["names", made.names.join(" ")],
        ["issuer", made.issuer ?? "-"],
        ["ends", ends(made)],
      ]),
    );
  },
});

export const certificateRemove = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, id], { environment }) => {
    const path = sitePath(slug!, `/certificates/${encodeURIComponent(id!)}`, { environment });
    const answer = await (await client()).send("DELETE", path);
    print(answer, () => `Certificate ${id} is removed\n`);
  },
});
