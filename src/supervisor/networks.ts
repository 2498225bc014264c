import type { NetworkRef } from "../domain/engine.ts";
import type { LinkRecord } from "../domain/link.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import type { SupervisorDeps } from "./deps.ts";

const subnetBits = 27;
const addressesPerSubnet = 2 ** (32 - subnetBits);

const toNumber = (address: string): number =>
  address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const toAddress = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");

const subnet = (pool: string, index: number): string => {
  const [base = "", bits = ""] = pool.split("/");
  const size = 2 ** (32 - Number(bits));
  const start = Math.floor(toNumber(base) / size) * size;
  return `${toAddress(start + index * addressesPerSubnet)}/${subnetBits}`;
};

/** How many environments a pool such as 10.210.0.0/16 has room for; its first subnet belongs to builds. */
export const networkSlots = (pool: string): number => 2 ** (subnetBits - Number(pool.split("/")[1])) - 1;

export const buildNetworkOf = (pool: string): NetworkRef => ({
  // The pool in the name keeps two installations on one engine apart.
  name: `croft-build-${pool.replaceAll(/[./]/g, "-")}`,
  subnet: subnet(pool, 0),
  // Builds of several owners are on it at once.
  apart: true,
});

/** Of two linked environments alone. */
export const linkNetworkOf = (pool: string, link: LinkRecord): NetworkRef => ({
  name: `croft-${link.id}`,
  subnet: subnet(pool, link.networkSlot + 1),
  internal: true,
});

/** The environment's network as it is to be now, for what is about to join it. */
export const presentNetworkOf = async (
  { networkPool, store }: Pick<SupervisorDeps, "networkPool" | "store">,
  environment: EnvironmentRecord,
): Promise<NetworkRef> => ({
  ...networkOf(networkPool, environment),
  closed: (await store.closedEgress()).has(environment.id),
});

/** Docker's own pools end at about thirty networks, so each environment gets an explicit subnet: 29 addresses. */
export const networkOf = (pool: string, environment: EnvironmentRecord): NetworkRef => ({
  name: `croft-${environment.id}`,
  subnet: subnet(pool, (environment.networkSlot ?? 0) + 1),
});
