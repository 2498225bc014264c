import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { newId } from "../domain/id.ts";
import type { SecurityEventRecord } from "../domain/records.ts";
import type { Passwords } from "./passwords.ts";
import type { Caller, IdentityStore } from "./store.ts";
import type { Throttle } from "./throttle.ts";

export interface IdentityDeps {
  store: IdentityStore;
  passwords: Passwords;
  clock: Clock;
  log: Log;
  dataDir: string;
  throttles: {
    /** Sign-ins per address. */
    address: Throttle;
    /** Sign-ins per account, from all addresses together. */
    account: Throttle;
    /** Sign-ins per address and account once the account's own are used up. */
    newcomer: Throttle;
    /** Attempts at the setup token, per address. */
    setup: Throttle;
  };
}

/** Something that whoever watches over the installation should be able to find again. */
export const securityEvent = async (
  { store, clock, log }: Pick<IdentityDeps, "store" | "clock" | "log">,
  type: string,
  severity: SecurityEventRecord["severity"],
  details: Record<string, unknown>,
  caller: Caller,
): Promise<void> => {
  const at = clock.nowMs();
  log.warn(`security: ${type}`, { severity, ip: caller.ip, ...details });
  await store.insertSecurityEvent({
    id: newId("sec", at),
    at,
    type,
    severity,
    details: JSON.stringify(details),
    ip: caller.ip,
  });
};
