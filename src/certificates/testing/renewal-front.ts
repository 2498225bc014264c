import type { Pebble } from "../../testing/pebble.ts";

/**
 * Pebble as it is packaged knows no renewal information (RFC 9773). This server in front of it hands all requests
 * on and speaks that protocol besides.
 */
export interface RenewalFront {
  directoryUrl: string;
  /** Answers what is asked of a certificate's id. */
  answer: (id: string) => Response;
  /** Ids that were asked about. */
  asked: string[];
  /** `replaces` of each order that was taken, or refused for it; null without. */
  replaced: (string | null)[];
  /** When set, an order that replaces one is refused so. */
  refuseReplacing: { status: number; type: string } | null;
  close(): Promise<void>;
}

const payloadOf = (body: string): { replaces?: string } => {
  const { payload } = JSON.parse(body) as { payload: string };
  return JSON.parse(Buffer.from(payload, "base64url").toString("utf8") || "{}") as { replaces?: string };
};

export const startRenewalFront = ({ directoryUrl, ca, key }: Pebble): RenewalFront => {
  const { origin: pebbleOrigin } = new URL(directoryUrl);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: ca, key },
    fetch: async (request) => {
      const { host, origin, pathname } = new URL(request.url);
      if (pathname.startsWith("/renewal-info/")) {
        const id = pathname.slice("/renewal-info/".length);
        front.asked.push(id);
        return front.answer(id);
      }
      const body = request.method === "POST" ? await request.text() : undefined;
      const isOrder = pathname === "/order-plz" && body !== undefined;
      const { replaces = null } = isOrder ? payloadOf(body) : {};
      if (replaces !== null && front.refuseReplacing !== null) {
        front.replaced.push(replaces);
        const { status, type } = front.refuseReplacing;
        const nonce = await fetch(`${pebbleOrigin}/nonce-plz`, { method: "HEAD", tls: { ca } });
        return Response.json(
          { type: `urn:ietf:params:acme:error:${type}`, detail: "no" },
          { status, headers: { "replay-nonce": nonce.headers.get("replay-nonce")! } },
        );
      }
      const headers = new Headers(request.headers);
      headers.set("host", host);
      const answer = await fetch(pebbleOrigin + pathname, {
        method: request.method,
        headers,
        body,
        tls: { ca },
      });
      // Not one whose nonce was refused.
      if (isOrder && answer.status === 201) front.replaced.push(replaces);
      if (pathname !== "/dir") return new Response(await answer.text(), answer);
      return Response.json({ ...((await answer.json()) as object), renewalInfo: `${origin}/renewal-info` });
    },
  });
  const front: RenewalFront = {
    directoryUrl: `https://127.0.0.1:${server.port}/dir`,
    answer: () => new Response(null, { status: 404 }),
    asked: [],
    replaced: [],
    refuseReplacing: null,
    close: () => server.stop(true),
  };
  return front;
};
