import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Pebble, startPebble } from "../testing/pebble.ts";
import { createLookup } from "./name-servers.ts";

let pebble: Pebble;
beforeAll(async () => {
  pebble = await startPebble(1);
});
afterAll(() => pebble.close());

test("the configured name servers are asked, and asked again when a record changes", async () => {
  const { addresses: resolve } = createLookup([pebble.dnsServer]);
  await pebble.setAddresses("a.example.test", ["203.0.113.1", "203.0.113.2"]);
  expect((await resolve("a.example.test")).toSorted()).toEqual(["203.0.113.1", "203.0.113.2"]);
  await pebble.setAddresses("a.example.test", ["203.0.113.3"]);
  expect(await resolve("a.example.test")).toEqual(["203.0.113.3"]);
});

test("name servers that fail are no answer", async () => {
  await pebble.setAddresses("broken.example.test", []);
  await expect(createLookup([pebble.dnsServer]).addresses("broken.example.test")).rejects.toThrow();
});
