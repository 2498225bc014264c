import type { CertificateView, DnsProviderView, DomainView } from "../../domain/views.ts";
import { fakeNowMs } from "./fake-data.ts";

const hour = 3_600_000;
const at = (ms: number): string => new Date(fakeNowMs + ms).toISOString();

export const fakeCertificate = (name: string, change: Partial<CertificateView> = {}): CertificateView => ({
  id: `crt_${name}`,
  source: "automatic",
  names: [name],
  state: change.notAfter === null ? "waiting" : "valid",
  nextStep: null,
  issuer: "Let's Encrypt R11",
  notBefore: at(-240 * hour),
  notAfter: at(1920 * hour),
  fingerprint: "AA:BB",
  error: null,
  errorAt: null,
  nextAttemptAt: at(1200 * hour),
  ...change,
});

export const fakeDomain = (name: string, change: Partial<DomainView> = {}): DomainView => ({
  name,
  url: `https://${name}`,
  primary: false,
  redirectTo: null,
  state: "verified",
  verifiedAt: at(-240 * hour),
  checkedAt: at(-240 * hour),
  error: null,
  nextStep: null,
  nextCheckAt: null,
  expiresAt: null,
  records: [{ type: "A", name, value: "203.0.113.7" }],
  automaticHttps: true,
  certificate: fakeCertificate(name),
  ...change,
});

/** One of each state. */
export const fakeDomains = (): DomainView[] => [
  fakeDomain("bikes.example.net", { primary: true }),
  fakeDomain("www.bikes.example.net", {
    redirectTo: "bikes.example.net",
    url: "http://www.bikes.example.net",
    error:
      "the certificate authority acme-v02.api.letsencrypt.org says: DNS problem: SERVFAIL looking up CAA for example.net",
    certificate: fakeCertificate("www.bikes.example.net", {
      issuer: null,
      notBefore: null,
      notAfter: null,
      fingerprint: null,
      error:
        "the certificate authority acme-v02.api.letsencrypt.org says: DNS problem: SERVFAIL looking up CAA for example.net",
      errorAt: at(-hour),
      nextAttemptAt: at(5 * hour),
    }),
  }),
  fakeDomain("new.example.net", {
    state: "waiting",
    url: "http://new.example.net",
    verifiedAt: null,
    checkedAt: at(-hour / 60),
    error: "it has neither an A nor an AAAA record yet",
    nextStep: "add this A record: new.example.net → 203.0.113.7",
    nextCheckAt: at(hour / 60),
    expiresAt: at(160 * hour),
    certificate: null,
  }),
  fakeDomain("*.bikes.example.net", {
    state: "waiting",
    url: "http://*.bikes.example.net",
    verifiedAt: null,
    checkedAt: at(-5_000),
    nextCheckAt: at(10_000),
    error: "_croft.bikes.example.net has no TXT record yet",
    nextStep: "add these records: …",
    certificate: null,
    records: [
      {
        type: "TXT",
        name: "_croft.bikes.example.net",
        value: "croft-3f9f0c2c4a7be1b9a3d1f44be2f1f2ab7d6d70d1",
      },
      {
        type: "CNAME",
        name: "_acme-challenge.bikes.example.net",
        value: "dom-01m7wem0xjmvxhhpa2r4vzp8e6._acme-challenge.example.org",
      },
      { type: "A", name: "*.bikes.example.net", value: "203.0.113.7" },
    ],
  }),
];

export const fakeDnsProvider = (zone: string, change: Partial<DnsProviderView> = {}): DnsProviderView => ({
  zone,
  kind: "rfc2136",
  server: "192.0.2.53",
  keyName: "croft",
  algorithm: "hmac-sha256",
  url: null,
  username: null,
  usedAt: at(-2 * hour),
  error: null,
  createdAt: at(-240 * hour),
  createdBy: "ada",
  ...change,
});
