import { publicMessageOf } from "../errors.ts";
import { AcmeProblem } from "./acme/problem.ts";
import type { AcmeSettings } from "./deps.ts";
import { DnsChallengeError } from "./dns/challenges.ts";

/** Nothing was asked of the authority. */
export class LeadsNowhere extends Error {}

/** What a person can do about it, by what the authority found (RFC 8555 section 6.7). */
const hints: Record<string, string> = {
  "http-01 connection": "port 80 of this server must be reachable from the internet",
  "tls-alpn-01 connection": "port 443 of this server must be reachable from the internet",
  "dns-01 unauthorized": "a name server of the zone answers with other records than the one that was set",
  externalAccountRequired: "set CROFT_ACME_EAB_KID and CROFT_ACME_EAB_HMAC_KEY",
  dns: "look at the name's records at its name servers",
  caa: "a CAA record of the name has to allow this authority",
  unauthorized: "something else than this server answers under the name",
};

export const authorityHost = (acme: AcmeSettings): string => new URL(acme.directoryUrl).host;

/** Why a certificate could not be had, for the name's owner, with what to do where that is known. */
export const reasonOf = (error: unknown, acme: AcmeSettings): string => {
  const host = authorityHost(acme);
  if (error instanceof AcmeProblem) {
    const found = error.found ?? error.type;
    const hint = hints[found] ?? hints[found.slice(found.indexOf(" ") + 1)];
    return `the certificate authority ${host} says: ${error.message}${hint ? `; ${hint}` : ""}`;
  }
  if (error instanceof DnsChallengeError || error instanceof LeadsNowhere) return error.message;
  const { code, name } = error as { code?: unknown; name?: unknown };
  const reason = typeof code === "string" ? code : "";
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(reason))
    return `the certificate authority ${host} is not trusted here (${reason}): look at this machine's clock, or set CROFT_ACME_CA_FILE`;
  // What fetch throws has a code; a TypeError without one is a mistake here.
  const isOfNetwork =
    (error instanceof TypeError && reason !== "") || name === "TimeoutError" || /^E[A-Z]+$/.test(reason);
  return isOfNetwork ? `the certificate authority ${host} does not answer` : publicMessageOf(error);
};
