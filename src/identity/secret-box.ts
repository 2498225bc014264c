import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from "jose";
import { AppError } from "../errors.ts";
import type { MasterKey } from "./master-key.ts";

export interface SecretBox {
  /**
   * `place` names where the ciphertext will stand, such as `env_…/DATABASE_URL`: it can be opened only there, so
   * a row copied to another site yields nothing.
   * @returns a compact JWE (RFC 7516)
   */
  seal(plain: string, place: string): Promise<string>;
  /** @throws AppError `internal` when it was sealed for another place, with another key, or was changed since */
  open(ciphertext: string, place: string): Promise<string>;
  /** Version of the key that `seal` uses. */
  readonly keyVersion: number;
  /** Of that key; no secret. */
  readonly fingerprint: string;
}

/** AES-256-GCM with the protected header (key version and place) as additional authenticated data. */
export const createSecretBox = (master: MasterKey): SecretBox => ({
  keyVersion: master.current,
  fingerprint: master.fingerprint,
  seal: (plain, place) =>
    new CompactEncrypt(new TextEncoder().encode(plain))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: String(master.current), place })
      .encrypt(master.keys.get(master.current)!),
  open: async (ciphertext, place) => {
    try {
      const header = decodeProtectedHeader(ciphertext);
      const key = master.keys.get(Number(header.kid));
      if (!key) throw new Error(`master key version ${header.kid} is not in the key file`);
      const { plaintext, protectedHeader } = await compactDecrypt(ciphertext, key, {
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      if (protectedHeader.place !== place) throw new Error("it was sealed for another place");
      return new TextDecoder().decode(plaintext);
    } catch (cause) {
      throw new AppError("internal", `the secret of ${place} cannot be decrypted`, { cause });
    }
  },
});
