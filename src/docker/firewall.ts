import { isIPv4 } from "node:net";
import { readFile } from "node:fs/promises";
import type { EngineInfo } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import {
  closedChain,
  closedRules,
  forwardChain,
  hookRules,
  inputChain,
  rulesV4,
  rulesV6,
} from "./firewall-rules.ts";
import { fingerprint, lacks } from "./firewall-fingerprint.ts";
import { runCommand } from "./run-command.ts";

const commandDeadlineMs = 15_000;
const lockSeconds = "5";
/** Another program may change the tables between reading them and writing ours; then the write fails as a whole. */
const attempts = 3;

/** The first holds what containers are given where systemd-resolved listens on loopback. */
const resolvConfs = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];

/** IPv4 name servers of resolv.conf(5), without those on loopback, which containers cannot reach anyway. */
export const nameserversOf = (resolvConf: string): string[] =>
  resolvConf.split("\n").flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    return address && isIPv4(address) && !address.startsWith("127.") ? address : [];
  });

const hostNameservers = async (): Promise<string[]> => {
  const texts = await Promise.all(resolvConfs.map((path) => readFile(path, "utf8").catch(() => "")));
  return [...new Set(texts.flatMap(nameserversOf))];
};

type Status = EngineInfo["firewall"];

/** Croft's rules in the host's iptables: put in place, and put back whenever asked. */
export const createFirewall = (log: Log, hostFirewall: boolean, installation: string | null = null) => {
  const ownChain = installation === null ? null : closedChain(installation);
  let closed = new Set<string>();
  let status: Status = hostFirewall
    ? { holds: false, detail: "not put in place yet" }
    : { holds: false, detail: "switched off" };
  let queue: Promise<Status> = Promise.resolve(status);

  const chainNames = [inputChain, forwardChain, ...(ownChain === null ? [] : [ownChain])];
  /** By program: what was given to it last, and what it then had of it. */
  const placed = new Map<string, { given: string; had: string[] }>();
  let gone = false;

  const saveOf = (program: string) =>
    runCommand([`${program}-save`, "-t", "filter"], { deadlineMs: commandDeadlineMs });

  /** @returns null when done, otherwise why not */
  const apply = async (
    program: "iptables" | "ip6tables",
    chains: string,
    shut: readonly string[] = [],
  ): Promise<string | null> => {
    const given = `${chains}${shut.join(" ")}`;
    for (let attempt = 1; ; attempt++) {
      const saved = await saveOf(program);
      if (saved === null) return `${program} is not installed`;
      if (saved.exitCode !== 0) return `${program}-save: ${saved.stderr.trim()}`;
      const before = placed.get(program);
      if (before !== undefined) {
        const lost = lacks(fingerprint(saved.stdout, chainNames), before.had);
        if (!lost && before.given === given) return null;
        gone ||= lost;
      }
      const own = ownChain === null ? "" : closedRules(ownChain, shut, saved.stdout);
      const written = await runCommand([`${program}-restore`, "--noflush", "-w", lockSeconds], {
        deadlineMs: commandDeadlineMs,
        stdin: `*filter\n${chains}${hookRules(saved.stdout)}${own}COMMIT\n`,
      });
      if (written?.exitCode === 0) {
        const after = await saveOf(program);
        if (after?.exitCode === 0) placed.set(program, { given, had: fingerprint(after.stdout, chainNames) });
        return null;
      }
      if (attempt === attempts) return `${program}-restore: ${written?.stderr.trim() ?? "is not installed"}`;
    }
  };

  const ensure = async (): Promise<Status> => {
    const failed = await apply("iptables", rulesV4(await hostNameservers()), [...closed].toSorted());
    if (failed !== null) return { holds: false, detail: failed };
    // without IPv6 in the kernel there is nothing to close
    const failedV6 = await apply("ip6tables", rulesV6());
    return {
      holds: true,
      detail: failedV6 === null ? `iptables chain ${forwardChain}` : `IPv4 only: ${failedV6}`,
    };
  };

  return {
    status: (): Status => status,

    /** Whether rules that had been in place were gone since this was asked last. */
    wereGone(): boolean {
      const was = gone;
      gone = false;
      return was;
    },

    /** These bridges, and no others, may begin no connections; in force with the next `ensure`. */
    closeOnly(bridges: readonly string[]): void {
      closed = new Set(bridges);
    },
    /** The same for one of them. */
    setClosed(bridge: string, isClosed: boolean): void {
      if (isClosed) closed.add(bridge);
      else closed.delete(bridge);
    },

    /** Idempotent, and only a look where all is as it was left; one after the other. Never throws: where rules cannot be had, `status` and the log say so. */
    ensure(): Promise<Status> {
      if (!hostFirewall) return queue;
      queue = queue.then(async () => {
        const next = await ensure().catch((error) => ({ holds: false, detail: String(error) }));
        if (!next.holds && next.detail !== status.detail)
          log.warn("the host's firewall does not hold containers", { reason: next.detail });
        status = next;
        return status;
      });
      return queue;
    },
  };
};
