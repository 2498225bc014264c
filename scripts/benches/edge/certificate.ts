import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Pem {
  names: string[];
  certificate: string;
  key: string;
}

/** A P-256 certificate; beside it `site.crt`, `site.key` and both in `site.pem`, as the peers want them. */
export const makeCertificate = (dir: string, names: string[]): Pem => {
  const [certificate, key, both] = ["site.crt", "site.key", "site.pem"].map((name) => join(dir, name));
  const made = Bun.spawnSync([
    ..."openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bench".split(
      " ",
    ),
    "-addext",
    `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`,
    "-keyout",
    key!,
    "-out",
    certificate!,
  ]);
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr}`);
  const pem = { certificate: readFileSync(certificate!, "utf8"), key: readFileSync(key!, "utf8") };
  writeFileSync(both!, pem.certificate + pem.key);
  return { names, ...pem };
};
