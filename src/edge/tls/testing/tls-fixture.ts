import type { CertificateSet, EdgeCertificate, Route } from "../../../domain/edge.ts";
import type { Deadlines } from "../../deadlines.ts";
import { type EdgeFixture, startEdge } from "../../testing/edge-fixture.ts";
import { bookOf } from "../certificate-set.ts";
import { listenTls, type TlsListenerOptions } from "../tls-listener.ts";

/** An edge inside the test's process with a plain and an HTTPS listener. */
export interface TlsFixture extends EdgeFixture {
  tlsPort: number;
  flushed(): Promise<void>;
  /** Puts the next set in force. */
  certify(certificates: EdgeCertificate[], fallback?: CertificateSet["fallback"]): void;
}

export const startTlsEdge = async (
  routes: Route[],
  certificates: EdgeCertificate[],
  options: Partial<TlsListenerOptions> & {
    deadlines?: Partial<Deadlines>;
    trustedProxies?: string[];
    proxyProtocol?: boolean;
  } = {},
): Promise<TlsFixture> => {
  const fixture = startEdge(routes, options.deadlines, undefined, options);
  const { edge } = fixture;
  const listener = await listenTls(edge, { host: "127.0.0.1", port: 0, ...options });
  edge.httpsPort = listener.port;
  let version = 0;
  const certify: TlsFixture["certify"] = (certificates, fallback = "refuse") => {
    const made = bookOf({ version: ++version, certificates, fallback }, edge.certificates);
    if ("problem" in made) throw new Error(made.problem);
    edge.certificates = made.book;
    listener.certificatesChanged();
  };
  certify(certificates);
  return {
    ...fixture,
    tlsPort: listener.port,
    flushed: listener.flushed,
    certify,
    async close() {
      edge.stopping = true;
      listener.stop();
      await fixture.close();
    },
  };
};
