import { fail, type Finding, ok, warn } from "./finding.ts";

export interface CertificateFacts {
  /** null where HTTPS, or the ordering of certificates, is switched off. */
  ordered: { name: string; notAfter: number | null; lastError: string | null; isUpload: boolean }[] | null;
  nowMs: number;
}

const soonMs = 10 * 24 * 3600_000;
const mostNamed = 5;

const named = (names: string[]): string =>
  names.slice(0, mostNamed).join(", ") +
  (names.length > mostNamed ? ` and ${names.length - mostNamed} others` : "");

export const certificateFindings = ({ ordered, nowMs }: CertificateFacts): Finding[] => {
  const check = "certificates";
  if (ordered === null) return [warn(check, "HTTPS, or ordering certificates, is switched off", null)];
  const found: Finding[] = [];
  const ended = ordered.filter(({ notAfter }) => notAfter !== null && notAfter <= nowMs);
  if (ended.length > 0)
    found.push(
      fail(
        check,
        `ended: ${named(ended.map(({ name }) => name))}${because(ended[0]!.lastError)}`,
        ended.every(({ isUpload }) => isUpload) ? "upload a new one: croft certificate add" : mend,
      ),
    );
  const missing = ordered.filter(({ notAfter, lastError }) => notAfter === null && lastError !== null);
  if (missing.length > 0)
    found.push(
      warn(
        check,
        `not had yet: ${named(missing.map(({ name }) => name))}${because(missing[0]!.lastError)}`,
        mend,
      ),
    );
  const ending = ordered.filter(
    ({ notAfter }) => notAfter !== null && notAfter > nowMs && notAfter - nowMs < soonMs,
  );
  if (ending.length > 0)
    found.push(
      warn(
        check,
        `end within ten days: ${named(ending.map(({ name }) => name))}${because(ending[0]!.lastError)}`,
        ending.every(({ isUpload }) => isUpload) ? "upload a new one: croft certificate add" : mend,
      ),
    );
  if (found.length > 0) return found;
  const held = ordered.filter(({ notAfter }) => notAfter !== null).length;
  return [ok(check, `${held} held, ${ordered.length - held} to come`)];
};

const because = (reason: string | null): string => (reason === null ? "" : ` (${reason})`);
const mend = "mend what the reason names; it is tried again by itself, at once with croft domain verify";
