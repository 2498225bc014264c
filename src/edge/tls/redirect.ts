import type { Route } from "../../domain/edge.ts";
import { textOf } from "../fields.ts";
import { type OwnAnswer, plainAnswer } from "../own-answer.ts";
import type { RequestHead } from "../request-head.ts";

/**
 * The redirect that the route asks for, which keeps method, path and query (RFC 9110 sections 15.4.8, 15.4.9).
 * @param host as the visitor named it, without port
 * @param httpsPort of the HTTPS listener, null without one or without a certificate: then nobody is sent there
 * @returns null when the request is to be served here
 */
export const redirectAnswer = (
  route: Route,
  secure: boolean,
  host: string,
  httpsPort: number | null,
  head: RequestHead,
  input: Uint8Array,
): OwnAnswer | null => {
  const { target, https } = route;
  if (!secure && https?.redirect === true && httpsPort !== null) {
    const port = httpsPort === 443 ? "" : `:${httpsPort}`;
    return redirectTo(`https://${host}${port}${pathOf(head, input)}`, true);
  }
  if (target.kind !== "redirect") return null;
  // With the port as the visitor has it: it is the same listener.
  const port = textOf(input, head.hostEnd, head.fields.hostEnd);
  const scheme = secure ? "https" : "http";
  return redirectTo(`${scheme}://${target.host}${port}${pathOf(head, input)}`, target.permanent);
};

const redirectTo = (location: string, permanent: boolean): OwnAnswer => ({
  ...plainAnswer(permanent ? 308 : 307),
  fields: `Location: ${location}\r\n`,
});

/** `OPTIONS *` and an absolute form without path mean the root. */
const pathOf = ({ targetStart, targetEnd }: RequestHead, input: Uint8Array): string => {
  const path = textOf(input, targetStart, targetEnd);
  return path.startsWith("/") ? path : path.startsWith("?") ? `/${path}` : "/";
};
