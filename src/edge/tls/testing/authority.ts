import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EdgeCertificate } from "../../../domain/edge.ts";

/** A certificate authority of a test's own, by openssl. */
export interface Authority {
  /** PEM, for clients. */
  ca: string;
  issue(names: string[], kind?: "ec" | "rsa"): EdgeCertificate;
  remove(): void;
}

const openssl = (dir: string, ...args: string[]): void => {
  const run = Bun.spawnSync(["openssl", ...args], { cwd: dir, stdin: "ignore", stderr: "pipe" });
  if (run.exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${run.stderr}`);
};

const keyOptions = {
  ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
  rsa: ["-newkey", "rsa:2048"],
};

export const createAuthority = (): Authority => {
  const dir = mkdtempSync(join(tmpdir(), "croft-ca-"));
  const read = (name: string): string => readFileSync(join(dir, name), "utf8");
  openssl(
    dir,
    ..."req -x509 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt".split(" "),
    ...keyOptions.ec,
  );
  let serial = 0;
  return {
    ca: read("ca.crt"),
    issue(names, kind = "ec") {
      const id = `c${++serial}`;
      openssl(
        dir,
        ...`req -new -nodes -subj /CN=${id} -keyout ${id}.key -out ${id}.csr`.split(" "),
        ...keyOptions[kind],
      );
      writeFileSync(join(dir, "san"), `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}\n`);
      openssl(
        dir,
        ...`x509 -req -in ${id}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out ${id}.crt`.split(
          " ",
        ),
      );
      return { names, certificate: read(`${id}.crt`), key: read(`${id}.key`) };
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
};
