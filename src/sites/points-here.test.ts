import { afterAll, expect, test } from "bun:test";
import type { AcmeChallenge } from "../domain/edge.ts";
import { pointsHere, type PointingDeps } from "./points-here.ts";

/** Another way in to this server: what a load balancer or NAT hands through. */
let challenges: AcmeChallenge[] = [];
let asked: string[] = [];
const wayIn = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => {
    const url = new URL(request.url);
    asked.push(url.hostname);
    const found = challenges.find((one) => url.pathname.endsWith(one.token) && one.host === url.hostname);
    if (found) return new Response(found.keyAuthorization);
    return new Response("x".repeat(2000), { status: url.hostname === "long.test" ? 200 : 302 });
  },
});
afterAll(() => wayIn.stop(true));

const look = (name: string, addresses: string[] | Error, change: Partial<PointingDeps> = {}) => {
  asked = [];
  return pointsHere(
    {
      resolve: async () => {
        if (addresses instanceof Error) throw addresses;
        return addresses;
      },
      publicAddresses: () => ["203.0.113.7", "2001:db8::7"],
      publish: async (challenge) => {
        challenges.push(challenge);
        return async () => {
          challenges = challenges.filter((one) => one !== challenge);
        };
      },
      httpPort: wayIn.port!,
      mayAsk: () => true,
      ...change,
    },
    name,
  );
};

test("a name whose addresses are all this server's leads here; nobody is asked", async () => {
  expect(await look("a.test", ["203.0.113.7"])).toEqual({ here: true });
  expect(await look("a.test", ["203.0.113.7", "2001:0db8:0::0007"])).toEqual({ here: true });
  expect(asked).toEqual([]);
});

test("a way in that hands requests through counts, and the token goes afterwards", async () => {
  expect(await look("a.test", ["127.0.0.1", "203.0.113.7"])).toEqual({ here: true });
  expect(asked).toEqual(["a.test"]);
  expect(challenges).toEqual([]);
});

test("one address that leads elsewhere is enough to fail, and is named", async () => {
  const answer = await look("a.test", ["203.0.113.7", "127.0.0.1", "127.0.0.3"], {
    mayAsk: (address) => address !== "127.0.0.3",
  });
  expect(answer).toEqual({
    here: false,
    reason: "it leads to 127.0.0.3, where this server does not answer",
  });
});

test("addresses that are not public are never asked", async () => {
  const answer = await look("a.test", ["127.0.0.1"], { mayAsk: () => false });
  expect(answer).toMatchObject({ here: false, reason: expect.stringContaining("leads to 127.0.0.1") });
  expect(asked).toEqual([]);
});

test("a server that answers something else is not this one", async () => {
  const nothing = { publish: async () => async () => {} };
  expect(await look("long.test", ["127.0.0.1"], nothing)).toMatchObject({ here: false });
  expect(await look("moved.test", ["127.0.0.1"], nothing)).toMatchObject({ here: false });
  expect(asked).toEqual(["moved.test"]);
});

test("what the name servers say is told", async () => {
  expect(await look("a.test", [])).toEqual({
    here: false,
    reason: "it has neither an A nor an AAAA record yet",
  });
  expect(await look("a.test", new Error("SERVFAIL"))).toEqual({
    here: false,
    reason: "its name servers do not answer",
  });
});
