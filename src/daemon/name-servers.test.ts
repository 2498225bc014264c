import { afterAll, beforeAll, expect, test } from "bun:test";
import { startNamed } from "../testing/named.ts";
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

test("a record that was not there a moment ago is seen as soon as it is", async () => {
  const named = await startNamed({ zones: ["example.test"] });
  try {
    const lookup = createLookup([`${named.host}:53`]);
    expect(await lookup.texts("_croft.example.test")).toEqual([]);
    expect(await lookup.alias("www.shop.example.test")).toBeNull();
    await named.add('_croft.example.test 3600 TXT "one two"');
    await named.add("www.shop.example.test 3600 CNAME Shop.Example.test");
    expect(await lookup.texts("_croft.example.test")).toEqual(["one two"]);
    expect(await lookup.alias("www.shop.example.test")).toBe("shop.example.test");
    expect(await lookup.nameServers("example.test")).toEqual(["ns1.example.test"]);
    expect(await lookup.nameServers("www.shop.example.test")).toEqual([]);
  } finally {
    await named.close();
  }
});
