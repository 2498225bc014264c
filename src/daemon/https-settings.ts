import type { UploadDeps } from "../certificates/deps.ts";
import {
  addDnsProvider,
  type DnsProviderDeps,
  listDnsProviders,
  removeDnsProvider,
  testDnsProvider,
} from "../certificates/dns/manage.ts";
import {
  listInstallationCertificates,
  removeInstallationCertificate,
  uploadInstallationCertificate,
} from "../certificates/upload.ts";
import { operatorOnly } from "../http/auth.ts";
import type { HttpsSettings } from "../panel/deps.ts";

/** What the panel needs to manage HTTPS of the installation; each refuses who is not an operator. */
export const httpsSettings = (
  uploads: UploadDeps,
  providers: DnsProviderDeps,
  retryCertificates: () => Promise<void>,
): HttpsSettings => ({
  retryCertificates: async (actor) => {
    operatorOnly(actor);
    await retryCertificates();
  },
  listCertificates: async (actor) => {
    operatorOnly(actor);
    return listInstallationCertificates(uploads);
  },
  uploadCertificate: async (actor, input) => {
    operatorOnly(actor);
    return uploadInstallationCertificate(uploads, actor, input);
  },
  removeCertificate: async (actor, id) => {
    operatorOnly(actor);
    return removeInstallationCertificate(uploads, actor, id);
  },
  listDnsProviders: async (actor) => {
    operatorOnly(actor);
    return listDnsProviders(providers);
  },
  addDnsProvider: async (actor, input) => {
    operatorOnly(actor);
    return addDnsProvider(providers, actor, input);
  },
  removeDnsProvider: async (actor, zone) => {
    operatorOnly(actor);
    return removeDnsProvider(providers, actor, zone);
  },
  testDnsProvider: async (actor, zone, signal) => {
    operatorOnly(actor);
    return testDnsProvider(providers, zone, signal);
  },
});
