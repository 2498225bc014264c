import type { Kysely } from "kysely";
import type { AcmeAccountRecord, CertificateRecord } from "../../domain/records.ts";
import type { Schema } from "../schema.ts";

/** Certificates, the orders under way, and the accounts they are ordered with. */
export const certificateQueries = (db: Kysely<Schema>) => ({
  acmeAccount: (directory: string): Promise<AcmeAccountRecord | undefined> =>
    db.selectFrom("acmeAccounts").selectAll().where("directory", "=", directory).executeTakeFirst(),
  putAcmeAccount: async (account: AcmeAccountRecord): Promise<void> => {
    await db.replaceInto("acmeAccounts").values(account).execute();
  },
  certificates: (): Promise<CertificateRecord[]> => db.selectFrom("certificates").selectAll().execute(),
  certificateById: (id: string): Promise<CertificateRecord | undefined> =>
    db.selectFrom("certificates").selectAll().where("id", "=", id).executeTakeFirst(),
  /** Of the whole installation when null. By the partial index certificates_by_environment. */
  uploadedCertificatesOf: (environmentId: string | null): Promise<CertificateRecord[]> =>
    db
      .selectFrom("certificates")
      .selectAll()
      .where("environmentId", environmentId === null ? "is" : "=", environmentId)
      .where("source", "=", "upload")
      .orderBy("id")
      .execute(),
  /** By the partial index certificates_automatic. */
  automaticCertificates: (names: string[]): Promise<CertificateRecord[]> =>
    db
      .selectFrom("certificates")
      .selectAll()
      .where("source", "=", "acme")
      .where("name", "in", names)
      .execute(),
  /** An automatic one that is there already stays as it is. */
  insertCertificate: async (certificate: CertificateRecord): Promise<void> => {
    await db
      .insertInto("certificates")
      .values(certificate)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  },
  updateCertificate: async (id: string, patch: Partial<CertificateRecord>): Promise<void> => {
    await db.updateTable("certificates").set(patch).where("id", "=", id).execute();
  },
  deleteCertificate: async (id: string, environmentId: string | null): Promise<boolean> =>
    (
      await db
        .deleteFrom("certificates")
        .where("id", "=", id)
        .where("environmentId", environmentId === null ? "is" : "=", environmentId)
        .executeTakeFirst()
    ).numDeletedRows > 0n,
  /** Automatic ones that nobody wants any more, once they are of no use to somebody who comes back. */
  deleteCertificatesById: async (ids: string[]): Promise<void> => {
    if (ids.length > 0) await db.deleteFrom("certificates").where("id", "in", ids).execute();
  },
});
