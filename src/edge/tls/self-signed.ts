import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** A certificate that nobody vouches for, made without other programs. X.509 in DER by hand (RFC 5280). */

const tlv = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
};
const sequence = (...parts: Uint8Array[]): Buffer => tlv(0x30, ...parts);
const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** ecdsa-with-SHA256 (RFC 5758). */
const algorithm = sequence(tlv(0x06, hex("2a8648ce3d040302")));
const commonName = tlv(0x06, hex("550403"));
const extension = (id: string, isCritical: boolean, value: Uint8Array): Buffer =>
  sequence(tlv(0x06, hex(id)), ...(isCritical ? [tlv(0x01, hex("ff"))] : []), tlv(0x04, value));
/** Not an authority (RFC 5280 section 4.2.1.9). */
const basicConstraints = extension("551d13", true, sequence());

/** What a certificate shows to an ACME authority (RFC 8737 section 3): the name, and SHA-256 of the answer. */
export interface AcmeProof {
  host: string;
  digest: Uint8Array;
}

const extensionsOf = (proof: AcmeProof | null): Buffer =>
  tlv(
    0xa3,
    sequence(
      basicConstraints,
      ...(proof === null
        ? []
        : [
            extension("551d11", false, sequence(tlv(0x82, Buffer.from(proof.host)))),
            extension("2b0601050507011f", true, tlv(0x04, proof.digest)),
          ]),
    ),
  );

const dayMs = 86_400_000;
const validDays = 397;

/** GeneralizedTime, whole seconds, UTC. */
const time = (atMs: number): Buffer =>
  tlv(0x18, Buffer.from(`${new Date(atMs).toISOString().replace(/[-:T]/g, "").replace(/\.\d+/, "")}`));

const pemOf = (kind: string, der: Uint8Array): string =>
  `-----BEGIN ${kind}-----\n${Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${kind}-----\n`;

/** P-256, valid for 397 days from a day ago. @returns PEM */
export const createSelfSigned = (
  name: string,
  nowMs: number,
  proof: AcmeProof | null = null,
): { certificate: string; key: string } => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serial = randomBytes(16);
  // Positive and without a leading zero byte.
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const subject = sequence(tlv(0x31, sequence(commonName, tlv(0x0c, Buffer.from(name)))));
  const content = sequence(
    tlv(0xa0, tlv(0x02, hex("02"))),
    tlv(0x02, serial),
    algorithm,
    subject,
    sequence(time(nowMs - dayMs), time(nowMs + validDays * dayMs)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
    extensionsOf(proof),
  );
  const signature = sign("sha256", content, privateKey);
  const certificate = sequence(content, algorithm, tlv(0x03, hex("00"), signature));
  return {
    certificate: pemOf("CERTIFICATE", certificate),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
};
