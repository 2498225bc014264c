import { isIP } from "node:net";
import { domainToASCII } from "node:url";

const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/**
 * A host name as DNS has it: lower case, A-labels (IDNA by UTS 46), without a trailing dot.
 * @returns the name, or what is wrong with it in words
 */
export const parseHostName = (text: string): { name: string } | { problem: string } => {
  const typed = text.trim().replace(/\.$/, "");
  if (typed === "") return { problem: "must not be empty" };
  if (/[/:@\s]/.test(typed)) return { problem: "must be a host name alone, such as www.example.org" };
  if (typed.startsWith("*."))
    return { problem: "must be one name: add each name that the site answers at, without *" };
  const name = domainToASCII(typed);
  // Numbers are read as an IPv4 address there.
  if (isIP(name) !== 0 || isIP(typed) !== 0) return { problem: "must be a name, not an IP address" };
  const labels = name.split(".");
  if (name.length > 253 || !labels.every((one) => label.test(one)))
    return { problem: "must be a host name such as www.example.org: letters, digits and - between dots" };
  if (labels.length < 2 || /^\d+$/.test(labels.at(-1)!))
    return { problem: "must be a whole name with its ending, such as example.org" };
  return { name };
};

/** A host name, or `*.` and one for all names one label below it. */
export const parseDomainName = (text: string): { name: string } | { problem: string } => {
  const typed = text.trim();
  if (!isWildcard(typed)) return parseHostName(typed);
  const parsed = parseHostName(typed.slice(2));
  return "name" in parsed ? { name: `*.${parsed.name}` } : parsed;
};

/** Whether `name` is `domain` or lies below it. */
export const isWithin = (name: string, domain: string): boolean =>
  name === domain || name.endsWith(`.${domain}`);

/** The names above it that could be somebody's domain: `b.c.org` and `c.org` of `a.b.c.org`. */
export const parentNames = (name: string): string[] => {
  const labels = name.split(".");
  return labels.slice(1, -1).map((_, i) => labels.slice(i + 1).join("."));
};

/** Whether a name in a certificate is good for a host; `*` stands for exactly one label (RFC 6125 section 6.4.3). */
export const coversHost = (pattern: string, host: string): boolean =>
  pattern === host ||
  (pattern.startsWith("*.") && host.includes(".") && host.slice(host.indexOf(".")) === pattern.slice(1));

export const isWildcard = (name: string): boolean => name.startsWith("*.");

/** The wildcard that stands for a host: `*.example.org` of `www.example.org`; empty where there is none. */
export const wildcardOf = (host: string): string => {
  const dot = host.indexOf(".");
  return dot > 0 ? `*${host.slice(dot)}` : "";
};

/** Names that no authority can look up: single labels and what means the machine itself (RFC 6761). */
export const mayHaveCertificate = (name: string): boolean =>
  "name" in parseDomainName(name) && !isWithin(name, "localhost");
