import type { UploadDeps } from "../../certificates/deps.ts";
import {
  listAllCertificates,
  listCertificates,
  removeCertificate,
  uploadCertificate,
  uploadSchema,
} from "../../certificates/upload.ts";
import type { DomainDeps } from "../../sites/domain-deps.ts";
import {
  addDomain,
  addDomainSchema,
  changeDomain,
  changeDomainSchema,
  listDomains,
  ownAddress,
  removeDomain,
  verifyDomain,
} from "../../sites/domains.ts";
import { operatorOnly } from "../auth.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";

export interface DomainRoutesDeps {
  domains: DomainDeps;
  certificatesOf: UploadDeps;
}

export const domainRoutes = ({ domains: deps, certificatesOf: uploads }: DomainRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/sites/:slug/domains",
    scope: "read",
    summary: "Custom domains: what each waits for, and its certificate",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => ({
      own: await ownAddress(deps, actor, params.slug!, query.environment),
      items: await listDomains(deps, actor, params.slug!, query.environment),
    }),
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/domains",
    scope: "write",
    summary: "Add a domain; it is served, and gets a certificate, once it leads here",
    body: addDomainSchema,
    query: environmentQuery,
    status: 201,
    handle: ({ actor, params, body, query }) => addDomain(deps, actor, params.slug!, body, query.environment),
  }),
  apiRoute({
    method: "patch",
    path: "/sites/:slug/domains/:name",
    scope: "write",
    summary: "Make a domain the primary one, or let it lead to another one",
    body: changeDomainSchema,
    query: environmentQuery,
    handle: ({ actor, params, body, query }) =>
      changeDomain(deps, actor, params.slug!, params.name!, body, query.environment),
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/domains/:name/verify",
    scope: "write",
    summary: "Look now whether a domain leads here, and try a certificate that failed again",
    query: environmentQuery,
    handle: ({ actor, params, query }) =>
      verifyDomain(deps, actor, params.slug!, params.name!, query.environment),
  }),
  apiRoute({
    method: "delete",
    path: "/sites/:slug/domains/:name",
    scope: "write",
    summary: "Remove a domain; the site no longer answers there",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => {
      await removeDomain(deps, actor, params.slug!, params.name!, query.environment);
      return {};
    },
  }),
  apiRoute({
    method: "get",
    path: "/certificates",
    scope: "read",
    summary: "All certificates, the panel's and those on their way included; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return { items: await listAllCertificates(uploads) };
    },
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/certificates",
    scope: "read",
    summary: "Uploaded certificates; automatic ones stand with their domains",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => ({
      items: await listCertificates(uploads, actor, params.slug!, query.environment),
    }),
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/certificates",
    scope: "write",
    summary: "Upload a certificate and its key (PEM); it goes before the automatic one",
    body: uploadSchema,
    query: environmentQuery,
    status: 201,
    handle: ({ actor, params, body, query }) =>
      uploadCertificate(uploads, actor, params.slug!, body, query.environment),
  }),
  apiRoute({
    method: "delete",
    path: "/sites/:slug/certificates/:id",
    scope: "write",
    summary: "Remove an uploaded certificate; its names get an automatic one again",
    query: environmentQuery,
    handle: async ({ actor, params, query }) => {
      await removeCertificate(uploads, actor, params.slug!, params.id!, query.environment);
      return {};
    },
  }),
];
