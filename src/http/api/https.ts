import {
  addDnsProvider,
  addDnsProviderSchema,
  type DnsProviderDeps,
  listDnsProviders,
  removeDnsProvider,
  testDnsProvider,
} from "../../certificates/dns/manage.ts";
import type { UploadDeps } from "../../certificates/deps.ts";
import {
  removeInstallationCertificate,
  uploadInstallationCertificate,
  uploadSchema,
} from "../../certificates/upload.ts";
import type { HttpsView } from "../../domain/views.ts";
import { operatorOnly } from "../auth.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";

export interface HttpsRoutesDeps {
  certificatesOf: UploadDeps;
  dnsProviders: DnsProviderDeps;
  https(): Promise<HttpsView>;
  /** @throws AppError `conflict` when there will be no other try now */
  retryCertificates(): Promise<void>;
}

/** HTTPS of the whole installation. */
export const httpsRoutes = (deps: HttpsRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/https",
    scope: "read",
    summary: "The panel's certificate, the sites' common one, and the authority's state; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return deps.https();
    },
  }),
  apiRoute({
    method: "post",
    path: "/https/retry",
    scope: "admin",
    summary: "Try the panel's and the sites' common certificate again now, after a failure; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      await deps.retryCertificates();
      return deps.https();
    },
  }),
  apiRoute({
    method: "post",
    path: "/certificates",
    scope: "admin",
    summary: "Upload a certificate for the panel and the base domain's sites (PEM); operator only",
    body: uploadSchema,
    status: 201,
    handle: async ({ actor, body }) => {
      operatorOnly(actor);
      return uploadInstallationCertificate(deps.certificatesOf, actor, body);
    },
  }),
  apiRoute({
    method: "delete",
    path: "/certificates/:id",
    scope: "admin",
    summary: "Remove an uploaded certificate of the installation; operator only",
    handle: async ({ actor, params }) => {
      operatorOnly(actor);
      await removeInstallationCertificate(deps.certificatesOf, actor, params.id!);
      return {};
    },
  }),
  apiRoute({
    method: "get",
    path: "/dns-providers",
    scope: "admin",
    summary: "Where TXT records for certificates can be put; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return { items: await listDnsProviders(deps.dnsProviders) };
    },
  }),
  apiRoute({
    method: "post",
    path: "/dns-providers",
    scope: "admin",
    summary: "Add a zone's name server (RFC 2136 with TSIG) or webhook; operator only",
    body: addDnsProviderSchema,
    status: 201,
    handle: async ({ actor, body }) => {
      operatorOnly(actor);
      return addDnsProvider(deps.dnsProviders, actor, body);
    },
  }),
  apiRoute({
    method: "post",
    path: "/dns-providers/:zone/test",
    scope: "admin",
    summary: "Put a record in place, wait until it is seen, take it away; operator only",
    handle: async ({ actor, params, c }) => {
      operatorOnly(actor);
      return testDnsProvider(deps.dnsProviders, params.zone!, c.req.raw.signal);
    },
  }),
  apiRoute({
    method: "delete",
    path: "/dns-providers/:zone",
    scope: "admin",
    summary: "Remove a zone's DNS provider; operator only",
    handle: async ({ actor, params }) => {
      operatorOnly(actor);
      await removeDnsProvider(deps.dnsProviders, actor, params.zone!);
      return {};
    },
  }),
];
