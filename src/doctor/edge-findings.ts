import { fail, type Finding, ok, warn } from "./finding.ts";

export interface EdgeFacts {
  /** False where both listeners are switched off. */
  wanted: boolean;
  up: boolean;
  /** Why it does not run, as a sentence. */
  problem: string | null;
  listening: string[];
}

export const edgeFinding = ({ wanted, up, problem, listening }: EdgeFacts): Finding => {
  const check = "edge";
  if (!wanted) return warn(check, "switched off by CROFT_HTTP and CROFT_HTTPS", null);
  if (up) return ok(check, `serves on ${listening.join(" and ")}`);
  return fail(
    check,
    problem ?? "it does not answer, or just starts",
    problem?.includes("taken")
      ? "ss -ltnp names the program that holds the port; end it: systemctl disable --now NAME"
      : "journalctl -u croft tells more",
  );
};

/** A name that has to lead here, and whether it does: null does, otherwise why not. */
export interface NameFacts {
  panelDomain: string;
  baseDomain: string;
  panelReason: string | null;
  wildcardReason: string | null;
}

/** Names of this machine alone have nothing to say in DNS (RFC 6761 section 6.3, RFC 6762 section 3). */
export const isLocalName = (name: string): boolean =>
  !name.includes(".") || name.endsWith(".localhost") || name.endsWith(".local");

export const nameFindings = (facts: NameFacts | "local"): Finding[] => {
  if (facts === "local")
    return [
      warn(
        "names",
        "CROFT_BASE_DOMAIN is a name of this machine alone: sites are reached from here only, and without HTTPS",
        "set CROFT_BASE_DOMAIN in /etc/croft/croft.env, then systemctl restart croft",
      ),
    ];
  const { panelDomain, baseDomain, panelReason, wildcardReason } = facts;
  return [
    panelReason === null
      ? ok("panel's name", `${panelDomain} leads here`)
      : fail("panel's name", `${panelDomain}: ${panelReason}`, recordFor(panelDomain)),
    wildcardReason === null
      ? ok("sites' names", `*.${baseDomain} leads here`)
      : fail("sites' names", `*.${baseDomain}: ${wildcardReason}`, recordFor(`*.${baseDomain}`)),
  ];
};

const recordFor = (name: string): string =>
  `an A record (and AAAA, with IPv6) for ${name} with this server's address; and ports 80 and 443 open in the provider's firewall`;
