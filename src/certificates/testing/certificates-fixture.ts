import { createStore, type Store } from "../../db/store.ts";
import type { HostToServe } from "../../domain/certificate.ts";
import type { AcmeChallenge, CertificateSet, EdgeCertificate } from "../../domain/edge.ts";
import { silentLog } from "../../domain/log.ts";
import type { CertificateRecord } from "../../domain/records.ts";
import { openMasterKey } from "../../identity/master-key.ts";
import { createSecretBox, type SecretBox } from "../../identity/secret-box.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import { type Certificates, createCertificates } from "../certificates.ts";
import { createChallengeBoard } from "../challenge-board.ts";
import type { CertificateDeps } from "../deps.ts";

/** The loop that orders, on a real database; the edge is played by what notes what it is told. */
export interface CertificatesFixture {
  database: TemporaryDatabase;
  store: Store;
  secretBox: SecretBox;
  wanted: HostToServe[];
  /** Added to the clock. */
  aheadMs: number;
  /** What the edge would answer now, and was handed last. */
  challenges: AcmeChallenge[];
  handed: CertificateSet | null;
  start(change?: Partial<CertificateDeps>): Certificates;
  /** Ends all that were started. */
  halt(): Promise<void>;
  rowOf(name: string): Promise<CertificateRecord | undefined>;
  handedNames(): string[];
  handedFor(name: string): EdgeCertificate | undefined;
  close(): Promise<void>;
}

export const certificatesFixture = async (
  acme: CertificateDeps["acme"],
  defaults: Partial<CertificateDeps> = {},
): Promise<CertificatesFixture> => {
  const database = await temporaryDatabase();
  const store = createStore(database.db);
  const secretBox = createSecretBox(await openMasterKey(`${database.dir}/master.key`, { create: true }));
  let running: { stop: AbortController; done: Promise<void> }[] = [];
  const fixture: CertificatesFixture = {
    database,
    store,
    secretBox,
    wanted: [],
    aheadMs: 0,
    challenges: [],
    handed: null,
    start: (change = {}) => {
      const certificates = createCertificates({
        store,
        secretBox,
        clock: { nowMs: () => Date.now() + fixture.aheadMs, monotonicMs: () => performance.now() },
        log: silentLog,
        random: () => 0.5,
        acme,
        userAgent: "croft-test",
        wantedNames: async () => fixture.wanted,
        edge: {
          health: async () => ({ certificateVersion: fixture.handed?.version ?? 0, startedAtMs: 1 }),
          putCertificates: async (set) => {
            fixture.handed = set;
          },
        },
        challenges: createChallengeBoard(async (set) => {
          fixture.challenges = set;
        }),
        plainHttp: true,
        tlsAlpn: false,
        dns: { covers: async () => false, present: async () => async () => {}, tidy: async () => {} },
        baseDomain: "sites.example.test",
        fallback: "refuse",
        resolve: async () => ["127.0.0.1"],
        ...defaults,
        ...change,
      });
      const stop = new AbortController();
      running.push({ stop, done: certificates.start(stop.signal) });
      return certificates;
    },
    halt: async () => {
      for (const { stop, done } of running) {
        stop.abort();
        await done;
      }
      running = [];
    },
    rowOf: async (name) => (await store.automaticCertificates([name]))[0],
    handedNames: () => fixture.handed?.certificates.flatMap((one) => one.names).sort() ?? [],
    handedFor: (name) => fixture.handed?.certificates.find((one) => one.names.includes(name)),
    close: async () => {
      await fixture.halt();
      await database.close();
    },
  };
  return fixture;
};
