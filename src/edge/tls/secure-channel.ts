import { type CertificateBook, certificateFor, covers, type ServedCertificate } from "./certificate-set.ts";

/** What the handshake of a visitor's connection was about. */
export interface SecureChannel {
  /** Lower case; null when the visitor named none. */
  readonly serverName: string | null;
  /** Null: the one for names without a certificate. */
  readonly certificate: ServedCertificate | null;
}

export const channelOf = (book: CertificateBook, serverName: string | null): SecureChannel => {
  const name = serverName === null ? null : serverName.toLowerCase();
  return { serverName: name, certificate: name === null ? null : certificateFor(book, name) };
};

/**
 * Whether a request for the host belongs on the connection. A visitor may use one for all names that its
 * certificate covers (RFC 9110 section 7.4); for others it gets 421, so that it asks on a connection of their own.
 */
export const belongsOn = ({ serverName, certificate }: SecureChannel, host: string): boolean =>
  serverName === null || serverName === host || (certificate !== null && covers(certificate, host));
