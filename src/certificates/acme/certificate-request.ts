import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { bits, context, implicit, objectIdentifier, octets, sequence, set, smallInteger } from "./der.ts";

const subjectAltName = "2.5.29.17";
const extensionRequest = "1.2.840.113549.1.9.14";
const ecdsaWithSha256 = "1.2.840.10045.4.3.2";

/**
 * A PKCS #10 request (RFC 2986) for these names, all in the subject alternative name; the subject stays empty, as
 * authorities want it.
 * @param keyPem P-256, PKCS #8
 * @returns DER
 */
export const certificateRequest = (names: readonly string[], keyPem: string): Uint8Array => {
  const key = createPrivateKey(keyPem);
  const dnsNames = names.map((name) => implicit(2, new TextEncoder().encode(name)));
  const extensions = sequence(sequence(objectIdentifier(subjectAltName), octets(sequence(...dnsNames))));
  const info = sequence(
    smallInteger(0),
    sequence(),
    new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" })),
    context(0, sequence(objectIdentifier(extensionRequest), set(extensions))),
  );
  const signature = sign("sha256", info, { key, dsaEncoding: "der" });
  return sequence(info, sequence(objectIdentifier(ecdsaWithSha256)), bits(signature));
};
