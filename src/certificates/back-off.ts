const minute = 60_000;
const longestMs = 12 * 60 * minute;

/**
 * Pause after so many failures in a row: 2, 6, 18 minutes and so on to half a day, give or take a tenth. Four tries
 * in the first hour stay below Let's Encrypt's five failed validations per name and hour.
 * @param random from 0 to 1
 */
export const attemptPauseMs = (failures: number, random: number): number =>
  Math.min(longestMs, 2 * minute * 3 ** Math.min(10, failures - 1)) * (0.9 + random * 0.2);

/**
 * When to renew: at two thirds of the lifetime, up to a twentieth of it earlier, so that certificates that were
 * ordered together are not renewed together.
 */
export const renewAtMs = (notBeforeMs: number, notAfterMs: number, random: number): number => {
  const lifetimeMs = notAfterMs - notBeforeMs;
  return Math.floor(notBeforeMs + (lifetimeMs * 2) / 3 - random * (lifetimeMs / 20));
};

/**
 * Before that a new certificate is not renewed, whatever clock, lifetime or authority say: six hours after it was
 * issued, or a tenth of a short life.
 */
export const earliestRenewalMs = (issuedAtMs: number, notBeforeMs: number, notAfterMs: number): number =>
  Math.floor(issuedAtMs + Math.min(6 * 60 * minute, (notAfterMs - notBeforeMs) / 10));
