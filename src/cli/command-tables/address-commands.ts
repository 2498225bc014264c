import type { CommandEntry } from "../command-entry.ts";

/** Names and certificates. */
export const addressCommands: readonly CommandEntry[] = [
  {
    name: "domain list",
    usage: "SLUG",
    summary: "domains of a site: what each waits for, and its certificate",
    load: async () => (await import("../commands/domain.ts")).domainList,
  },
  {
    name: "domain add",
    usage: "SLUG DOMAIN [--primary] [--www]",
    summary: "let a site answer at a domain; says which DNS record to add",
    load: async () => (await import("../commands/domain.ts")).domainAdd,
  },
  {
    name: "domain verify",
    usage: "SLUG [DOMAIN]",
    summary: "look now whether a domain leads here; exit 0 when it does",
    load: async () => (await import("../commands/domain.ts")).domainVerify,
  },
  {
    name: "domain set",
    usage:
      "SLUG DOMAIN [--primary|--no-primary] [--redirect-to DOMAIN|none] [--automatic-https|--no-automatic-https]",
    summary: "make a domain the primary one, or let it lead to another",
    load: async () => (await import("../commands/domain.ts")).domainSet,
  },
  {
    name: "domain remove",
    usage: "SLUG DOMAIN",
    summary: "the site no longer answers there",
    load: async () => (await import("../commands/domain.ts")).domainRemove,
  },
  {
    name: "certificate list",
    usage: "[SLUG]",
    summary: "uploaded certificates of a site; without a site all there are (operators)",
    load: async () => (await import("../commands/certificate.ts")).certificateList,
  },
  {
    name: "certificate status",
    usage: "",
    summary: "the panel's certificate, the sites' common one, and the authority's state (operators)",
    load: async () => (await import("../commands/certificate.ts")).certificateStatus,
  },
  {
    name: "certificate retry",
    usage: "",
    summary: "try the panel's and the sites' common certificate again now, after a failure (operators)",
    load: async () => (await import("../commands/certificate.ts")).certificateRetry,
  },
  {
    name: "certificate add",
    usage: "SLUG|--installation --certificate FILE --key FILE",
    summary: "use a certificate of your own (PEM) for a site's names, or for the panel and all sites",
    load: async () => (await import("../commands/certificate.ts")).certificateAdd,
  },
  {
    name: "certificate remove",
    usage: "SLUG|--installation CERTIFICATE",
    summary: "remove an uploaded certificate; its names get an automatic one",
    load: async () => (await import("../commands/certificate.ts")).certificateRemove,
  },
  {
    name: "dns list",
    usage: "",
    summary: "DNS providers, where records for wildcard certificates can be put (operators)",
    load: async () => (await import("../commands/dns.ts")).dnsList,
  },
  {
    name: "dns add",
    usage: "ZONE --server ADDRESS --key FILE | --url URL [--username U] [--password-stdin]",
    summary: "add a name server that takes signed updates (RFC 2136), or a webhook, and test it",
    load: async () => (await import("../commands/dns.ts")).dnsAdd,
  },
  {
    name: "dns test",
    usage: "ZONE",
    summary: "put a record in place, wait until it is seen, take it away; exit 0 when that works",
    load: async () => (await import("../commands/dns.ts")).dnsTest,
  },
  {
    name: "dns remove",
    usage: "ZONE",
    summary: "remove a DNS provider",
    load: async () => (await import("../commands/dns.ts")).dnsRemove,
  },
];
