import { createHash } from "node:crypto";
import { bridgePrefix } from "./networks.ts";

export const inputChain = "CROFT-INPUT";
export const forwardChain = "CROFT-FORWARD";

/** All bridges of Croft, and only they. */
const bridges = `${bridgePrefix}+`;

/**
 * Where containers may not connect to: this network, private (RFC 1918), shared (RFC 6598), loopback,
 * link-local with the clouds' metadata services (RFC 3927), protocol assignments (RFC 6890), benchmarks
 * (RFC 2544), multicast, reserved.
 */
const closedRanges = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/4",
  "240.0.0.0/4",
];

const replies = "-m conntrack --ctstate RELATED,ESTABLISHED";

/**
 * The chains as iptables-restore(8) reads them with --noflush: naming a chain empties it, and the whole is
 * applied in one step. They name all of Croft's bridges by their common prefix, so a new network is covered
 * before it exists, the rules don't grow with sites, and two daemons write the same text.
 * @param nameservers IPv4 addresses that Docker's resolver asks from inside the containers' namespaces
 */
export const rulesV4 = (nameservers: readonly string[]): string => {
  const dns = (chain: string) =>
    nameservers.flatMap((address) =>
      ["udp", "tcp"].map(
        (protocol) => `-A ${chain} -i ${bridges} -d ${address}/32 -p ${protocol} --dport 53 -j RETURN`,
      ),
    );
  return [
    `:${inputChain} - [0:0]`,
    `:${forwardChain} - [0:0]`,
    // containers to the host: only answers to connections that the host began (edge, probes)
    `-A ${inputChain} -i ${bridges} ${replies} -j RETURN`,
    ...dns(inputChain),
    `-A ${inputChain} -i ${bridges} -j DROP`,
    // within one bridge: an environment's own replicas
    `-A ${forwardChain} -i ${bridges} -o ${bridges} -m physdev --physdev-is-bridged -j RETURN`,
    `-A ${forwardChain} -i ${bridges} ${replies} -j RETURN`,
    `-A ${forwardChain} -o ${bridges} ${replies} -j RETURN`,
    // nobody reaches a container through this host: other sites, other containers, the LAN
    `-A ${forwardChain} -o ${bridges} -j REJECT --reject-with icmp-port-unreachable`,
    ...dns(forwardChain),
    ...closedRanges.map(
      (range) => `-A ${forwardChain} -i ${bridges} -d ${range} -j REJECT --reject-with icmp-port-unreachable`,
    ),
    "",
  ].join("\n");
};

/** Croft's networks have no IPv6: nothing of it may pass, link-local addresses of the bridge included. */
export const rulesV6 = (): string =>
  [
    `:${inputChain} - [0:0]`,
    `:${forwardChain} - [0:0]`,
    `-A ${inputChain} -i ${bridges} -j DROP`,
    `-A ${forwardChain} -i ${bridges} -j DROP`,
    `-A ${forwardChain} -o ${bridges} -j DROP`,
    "",
  ].join("\n");

/**
 * One chain for each installation that has closed bridges, beside the common ones, since its rules differ: what the
 * host or a visitor began goes on, connections that a container begins, or began before, are refused.
 * @param chain of `closedChain`
 * @param saved what iptables-save(8) prints of the table now
 */
export const closedRules = (chain: string, closed: readonly string[], saved: string): string => {
  const parents = ["INPUT", forwardParentIn(saved)];
  const lines = saved.split("\n");
  const isThere = lines.some((line) => line.startsWith(`:${chain} `));
  if (closed.length === 0 && !isThere) return "";
  return [
    `:${chain} - [0:0]`,
    ...lines
      .filter((line) => line.startsWith("-A ") && line.endsWith(` -j ${chain}`))
      .map((line) => line.replace("-A ", "-D ")),
    ...closed.flatMap((bridge) => [
      `-A ${chain} -i ${bridge} -o ${bridge} -m physdev --physdev-is-bridged -j RETURN`,
      `-A ${chain} -i ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j RETURN`,
      `-A ${chain} -i ${bridge} -j REJECT --reject-with icmp-port-unreachable`,
    ]),
    ...(closed.length > 0 ? parents.map((parent) => `-I ${parent} 1 -j ${chain}`) : [`-X ${chain}`]),
    "",
  ].join("\n");
};

/**
 * DOCKER-USER is where Docker leaves others' rules alone and which it asks first; without it (another firewall
 * backend, or Docker told to keep off iptables) FORWARD itself.
 */
const forwardParentIn = (saved: string): string =>
  /^:DOCKER-USER /m.test(saved) ? "DOCKER-USER" : "FORWARD";

/** Chain names have at most 28 characters. */
export const closedChain = (installation: string): string =>
  `CROFT-CLOSED-${createHash("sha256").update(installation).digest("hex").slice(0, 8)}`;

/**
 * Puts the jumps to our chains first in theirs, whatever stood before them, in the same step as the chains.
 * @param saved what iptables-save(8) prints of the table now
 */
export const hookRules = (saved: string): string => {
  const forwardParent = forwardParentIn(saved);
  const hooks: [parent: string, rule: string][] = [
    ["INPUT", `-i ${bridges} -j ${inputChain}`],
    [forwardParent, `-j ${forwardChain}`],
  ];
  const lines = saved.split("\n");
  return hooks
    .flatMap(([parent, rule]) => [
      ...lines.filter((line) => line === `-A ${parent} ${rule}`).map(() => `-D ${parent} ${rule}`),
      `-I ${parent} 1 ${rule}`,
    ])
    .map((line) => `${line}\n`)
    .join("");
};
