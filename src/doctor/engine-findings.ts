import { overshootSentence } from "../domain/disk.ts";
import type { EngineFacts } from "../domain/engine-facts.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";
import { flawsOf, isDistributions } from "./known-flaws.ts";

const oldest = [20, 10];
const dockerSettings = "/etc/docker/daemon.json";

export const engineFindings = (facts: EngineFacts): Finding[] => [
  versions(facts),
  cgroups(facts),
  diskLimits(facts),
  facts.countsSwap
    ? ok("swap in limits", "limits of memory count swap, too")
    : warn(
        "swap in limits",
        "limits of memory do not count swap: a site can use as much again of it",
        "add swapaccount=1 to GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub && reboot",
      ),
  facts.builder.includes("not by Croft") ? warn("builds", facts.builder, null) : ok("builds", facts.builder),
  facts.liveRestore
    ? ok("live restore", "sites run on while Docker restarts")
    : warn(
        "live restore",
        "sites stop whenever Docker restarts, as at each update of it",
        `set "live-restore": true in ${dockerSettings}, then systemctl reload docker`,
      ),
  facts.security.includes("seccomp")
    ? ok("system calls", "filtered by Docker's seccomp profile")
    : fail(
        "system calls",
        "Docker does not filter system calls (seccomp)",
        `remove "seccomp-profile" from ${dockerSettings}, then systemctl restart docker`,
      ),
  facts.security.includes("userns") || facts.security.includes("rootless")
    ? ok("user numbers", "root in a container is an unprivileged user of this machine")
    : ok(
        "user numbers",
        "not mapped: what keeps root in a container from being root here are dropped capabilities and no-new-privileges",
      ),
  facts.firewall.holds
    ? ok("firewall", facts.firewall.detail)
    : fail(
        "firewall",
        `sites are not kept from this machine and from one another: ${facts.firewall.detail}`,
        "apt-get install iptables, then systemctl restart croft",
      ),
];

const versions = ({ version, parts }: EngineFacts): Finding => {
  const check = "docker";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldest[0]! || (major === oldest[0] && minor < oldest[1]!))
    return fail(
      check,
      `Docker ${version}; Croft needs ${oldest.join(".")} or later`,
      "install a newer one: docs.docker.com/engine/install",
    );
  const { containerd, runc } = parts;
  const all = [
    `Docker ${version}`,
    ...(containerd ? [`containerd ${containerd}`] : []),
    ...(runc ? [`runc ${runc}`] : []),
  ].join(", ");
  const flaws = [
    ...flawsOf("docker", version),
    ...flawsOf("containerd", containerd ?? ""),
    ...flawsOf("runc", runc ?? ""),
  ];
  if (flaws.length > 0) {
    const tell = flaws.some(({ escape }) => escape) ? fail : warn;
    return tell(
      check,
      `${all}; known flaws: ${flaws.map(({ id, what }) => `${id} (${what})`).join("; ")}`,
      "apt-get update && apt-get install --only-upgrade docker-ce containerd.io",
    );
  }
  return ok(
    check,
    isDistributions(version) ? `${all}; the distribution mends flaws: keep apt-get upgrade running` : all,
  );
};

const cgroups = ({ cgroupVersion }: EngineFacts): Finding =>
  cgroupVersion === 2
    ? ok("cgroups", "version 2")
    : warn(
        "cgroups",
        "version 1: limits hold, but memory of idle sites cannot be asked back, nor pressure be seen per site",
        "remove systemd.unified_cgroup_hierarchy=0 from GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub && reboot",
      );

const diskLimits = ({ storageDriver, backingFilesystem, mountOptions }: EngineFacts): Finding => {
  const check = "disk limits";
  const seen = `${storageDriver} on ${backingFilesystem}`;
  if (storageDriver === "btrfs" || storageDriver === "zfs")
    return ok(check, `${seen}, which can limit what a container writes`);
  if (storageDriver === "overlay2" && backingFilesystem === "xfs") {
    if (mountOptions?.some((option) => option === "pquota" || option === "prjquota"))
      return ok(check, `${seen} with project quotas, which can limit what a container writes`);
    return warn(
      check,
      `${seen} without project quotas: what containers write outside of volumes is ${overshootSentence}`,
      "add pquota to the mount of Docker's folder in /etc/fstab, then reboot",
    );
  }
  return warn(
    check,
    `${seen}: what containers write outside of volumes is ${overshootSentence}`,
    "for limits that are hard, have Docker's folder on XFS mounted with pquota, or on btrfs; or switch sites to read-only roots: croft site change SITE --read-only-root on",
  );
};
