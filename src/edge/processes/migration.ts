import { readFileSync, writeFileSync } from "node:fs";
import type { Log } from "../../domain/log.ts";

const setting = "/proc/sys/net/ipv4/tcp_migrate_req";

/**
 * Lets the kernel pass connections that wait for being accepted on to another listener of the address when theirs is
 * closed (tcp(7), Linux 5.14). Without it a few of those that come in the very moment of a hand-over are reset.
 */
export const letConnectionsMigrate = (log: Log): void => {
  try {
    if (readFileSync(setting, "latin1").trim() === "1") return;
    writeFileSync(setting, "1");
  } catch (error) {
    log.info(
      "net.ipv4.tcp_migrate_req cannot be set to 1: a hand-over may reset a connection just being made",
      {
        error: (error as Error).message,
      },
    );
  }
};
