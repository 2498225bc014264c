import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TestCertificate {
  /** PEM, the leaf first. */
  certificate: string;
  key: string;
}

const openssl = async (cwd: string, args: string[]): Promise<void> => {
  const child = Bun.spawn(["openssl", ...args], { cwd, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
};

/**
 * A certificate signed by an authority of its own, by the openssl command.
 * @param key as `-newkey` and `-pkeyopt` have it
 */
export const testCertificate = async (
  names: string[],
  options: { days?: number; key?: string[] } = {},
): Promise<TestCertificate & { authority: string }> => {
  const dir = await mkdtemp(join(tmpdir(), "croft-certificate-"));
  const key = options.key ?? ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const { days = 30 } = options;
  try {
    const read = (name: string) => Bun.file(join(dir, name)).text();
    const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    await openssl(dir, [
      ...["req", "-x509", ...ec, "-subj", "/O=Test Authority/CN=T1", "-days", "60"],
      ...["-keyout", "ca.key", "-out", "ca.pem"],
    ]);
    await openssl(dir, [
      ...["req", "-newkey", ...key, "-nodes", "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out", "leaf.csr"],
    ]);
    await Bun.write(
      join(dir, "ext"),
      names.length > 0 ? `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}` : "",
    );
    await openssl(dir, [
      ...["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", String(days), "-extfile", "ext", "-out", "leaf.pem"],
    ]);
    const authority = await read("ca.pem");
    return { certificate: (await read("leaf.pem")) + authority, key: await read("leaf.key"), authority };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};
