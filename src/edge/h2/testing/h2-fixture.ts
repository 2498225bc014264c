import type { Route } from "../../../domain/edge.ts";
import type { Deadlines } from "../../deadlines.ts";
import { type Authority, createAuthority } from "../../tls/testing/authority.ts";
import { startTlsEdge, type TlsFixture } from "../../tls/testing/tls-fixture.ts";
import { connectH2, type H2Client } from "./h2-client.ts";

/** An edge with HTTP/2 for `site.test`, and connections to it that end with it. */
export interface H2Fixture extends TlsFixture {
  ca: string;
  connect(hello?: Uint8Array): Promise<H2Client>;
}

export const startH2Edge = async (
  routes: Route[],
  deadlines: Partial<Deadlines> = {},
): Promise<H2Fixture> => {
  const authority: Authority = createAuthority();
  const edge = await startTlsEdge(routes, [authority.issue(["site.test", "other.test", "localhost"])], {
    http2: true,
    deadlines,
  });
  const clients: H2Client[] = [];
  return {
    ...edge,
    ca: authority.ca,
    async connect(hello) {
      const client = await connectH2(edge.tlsPort, authority.ca, hello);
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) client.close();
      await edge.close();
      authority.remove();
    },
  };
};
