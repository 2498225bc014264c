import { BlockList, isIP } from "node:net";

/** A set of addresses and CIDR networks of both families. */
export type Networks = BlockList;

const family = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** @param networks valid ones */
export const networksOf = (networks: readonly string[]): Networks => {
  const list = new BlockList();
  for (const network of networks) {
    const [address, bits] = network.split("/") as [string, string | undefined];
    if (bits === undefined) list.addAddress(address, family(address));
    else list.addSubnet(address, Number(bits), family(address));
  }
  return list;
};

/** @param address of a visitor; anything that is not one (a unix socket's) is in no network */
export const isAmong = (networks: Networks, address: string): boolean =>
  isIP(address) !== 0 && networks.check(address, family(address));
