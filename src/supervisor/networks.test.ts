import { expect, test } from "bun:test";
import type { EnvironmentRecord } from "../domain/records.ts";
import { buildNetworkOf, networkOf, networkSlots } from "./networks.ts";

const at = (slot: number) => ({ id: "env_1", networkSlot: slot }) as EnvironmentRecord;

test("builds have the pool's first subnet, environments the following ones", () => {
  expect(buildNetworkOf("10.210.0.0/16")).toMatchObject({ subnet: "10.210.0.0/27", apart: true });
  expect(networkOf("10.210.0.0/16", at(0))).toEqual({ name: "croft-env_1", subnet: "10.210.0.32/27" });
  expect(networkOf("10.210.0.0/16", at(7)).subnet).toBe("10.210.1.0/27");
  expect(networkOf("10.210.0.0/16", at(2046)).subnet).toBe("10.210.255.224/27");
});

test("a pool whose address is not its first one is cut from the first", () => {
  expect(buildNetworkOf("172.20.9.7/24").subnet).toBe("172.20.9.0/27");
});

test("every slot of a pool lies inside it, none twice", () => {
  const pool = "10.9.4.0/22";
  const slots = networkSlots(pool);
  expect(slots).toBe(31);
  const subnets = Array.from({ length: slots }, (_, slot) => networkOf(pool, at(slot)).subnet);
  expect(new Set([...subnets, buildNetworkOf(pool).subnet]).size).toBe(slots + 1);
  expect(subnets.every((subnet) => /^10\.9\.[4-7]\./.test(subnet))).toBe(true);
});
