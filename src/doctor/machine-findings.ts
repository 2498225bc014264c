import { formatBytes, GB, MB } from "../domain/size.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

/** Figures of the machine; null for what its kernel does not have. */
export interface MachineFacts {
  swapBytes: number;
  memoryBytes: number;
  diskFreeBytes: number;
  /** Of the daemon itself, and so of an edge that it starts. */
  openFiles: number | null;
  /** A value below /proc/sys, by its name with dots. */
  kernel: Record<KernelSetting, string | null>;
}

export type KernelSetting =
  | "net.ipv4.tcp_migrate_req"
  | "net.ipv4.ip_forward"
  | "net.bridge.bridge-nf-call-iptables"
  | "fs.inotify.max_user_instances";
export const kernelSettings: readonly KernelSetting[] = [
  "net.ipv4.tcp_migrate_req",
  "net.ipv4.ip_forward",
  "net.bridge.bridge-nf-call-iptables",
  "fs.inotify.max_user_instances",
];

const fewInotifyInstances = 512;
const fewOpenFiles = 65_536;
const littleDiskBytes = 2 * GB;
const littleMemoryBytes = 900 * MB;

export const machineFindings = (facts: MachineFacts): Finding[] => [
  facts.memoryBytes < littleMemoryBytes
    ? warn("memory", `${formatBytes(facts.memoryBytes)}: builds hardly have room`, null)
    : ok("memory", formatBytes(facts.memoryBytes)),
  facts.swapBytes > 0
    ? ok("swap", formatBytes(facts.swapBytes))
    : warn(
        "swap",
        "none: idle sites keep their memory, and a short peak ends in a kill",
        "fallocate -l 2G /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile && echo '/swapfile none swap sw 0 0' >>/etc/fstab",
      ),
  facts.diskFreeBytes < littleDiskBytes
    ? fail(
        "disk",
        `${formatBytes(facts.diskFreeBytes)} free where Croft's data is; builds need more`,
        "croft storage clean, or a larger disk",
      )
    : ok("disk", `${formatBytes(facts.diskFreeBytes)} free where Croft's data is`),
  openFiles(facts.openFiles),
  handOver(facts.kernel["net.ipv4.tcp_migrate_req"]),
  forwarding(facts.kernel["net.ipv4.ip_forward"]),
  bridges(facts.kernel["net.bridge.bridge-nf-call-iptables"]),
  inotify(facts.kernel["fs.inotify.max_user_instances"]),
];

const openFiles = (limit: number | null): Finding => {
  const check = "open files";
  if (limit === null) return ok(check, "without a limit");
  return limit >= fewOpenFiles
    ? ok(check, `up to ${limit}`)
    : warn(
        check,
        `at most ${limit}, and each visitor takes two`,
        "LimitNOFILE=1048576 in the unit: systemctl edit croft",
      );
};

const handOver = (value: string | null): Finding => {
  const check = "hand-over";
  if (value === "1") return ok(check, "connections move to a new edge (net.ipv4.tcp_migrate_req)");
  if (value === null)
    return warn(check, "this kernel cannot move connections to a new edge; Linux 5.14 and later can", null);
  return warn(
    check,
    "a connection that just comes in while an edge takes over from another is reset",
    "echo 'net.ipv4.tcp_migrate_req = 1' >>/etc/sysctl.d/60-croft.conf && sysctl --system",
  );
};

const forwarding = (value: string | null): Finding =>
  value === "1"
    ? ok("forwarding", "containers reach the internet (net.ipv4.ip_forward)")
    : fail(
        "forwarding",
        "something switched off net.ipv4.ip_forward: no site reaches the internet",
        "sysctl -w net.ipv4.ip_forward=1, and look for what sets it in /etc/sysctl.d",
      );

const bridges = (value: string | null): Finding =>
  // Without a value Docker has not needed it yet: it sees to it with the first network for builds.
  value !== "0"
    ? ok("bridges", "builds that run at once are kept apart (net.bridge.bridge-nf-call-iptables)")
    : warn(
        "bridges",
        "builds that run at once can reach one another: the firewall does not see what passes within a bridge",
        "sysctl -w net.bridge.bridge-nf-call-iptables=1, and look for what switches it off in /etc/sysctl.d",
      );

const inotify = (value: string | null): Finding => {
  const check = "file watches";
  const instances = Number(value ?? 0);
  return instances >= fewInotifyInstances
    ? ok(check, `${instances} inotify instances for each user`)
    : warn(
        check,
        `${instances} inotify instances for each user: some dozens of sites that watch files use up root's`,
        "echo 'fs.inotify.max_user_instances = 4096' >>/etc/sysctl.d/60-croft.conf && sysctl --system",
      );
};
