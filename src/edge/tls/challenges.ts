import { createHash } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { z } from "zod";
import type { AcmeChallenge } from "../../domain/edge.ts";
import { ascii } from "../byte-classes.ts";
import { textOf } from "../fields.ts";
import type { OwnAnswer } from "../own-answer.ts";
import type { RequestHead } from "../request-head.ts";
import { createSelfSigned } from "./self-signed.ts";

/** What ACME authorities may look at now. */
export interface Challenges {
  /** Answers over plain HTTP (RFC 8555 section 8.3), by host and token. */
  readonly http: ReadonlyMap<string, string>;
  /** Certificates of the protocol `acme-tls/1` (RFC 8737), by host. */
  readonly tls: ReadonlyMap<string, SecureContext>;
}

export const noChallenges: Challenges = { http: new Map(), tls: new Map() };

/** Offered by nobody but an authority that checks. */
export const acmeProtocol = "acme-tls/1";

const base64url = /^[A-Za-z0-9_-]+$/;

const challengeSet = z.strictObject({
  challenges: z
    .array(
      z.strictObject({
        type: z.enum(["http-01", "tls-alpn-01"]).optional(),
        token: z.string().max(512).regex(base64url, "base64url text"),
        keyAuthorization: z
          .string()
          .max(1024)
          .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/, "a token, a dot and a thumbprint"),
        host: z.string().min(1).max(253).toLowerCase(),
      }),
    )
    .max(10_000),
});

export const parseChallenges = (value: unknown): { challenges: Challenges } | { problem: string } => {
  const parsed = challengeSet.safeParse(value);
  if (!parsed.success) return { problem: z.prettifyError(parsed.error) };
  const [tls = [], http = []] = [true, false].map((wanted) =>
    parsed.data.challenges.filter(({ type }) => (type === "tls-alpn-01") === wanted),
  );
  return {
    challenges: {
      http: new Map(http.map(({ host, token, keyAuthorization }) => [`${host}/${token}`, keyAuthorization])),
      tls: new Map(tls.map((one) => [one.host, contextOf(one)])),
    },
  };
};

const contextOf = ({ host, keyAuthorization }: AcmeChallenge): SecureContext => {
  const made = createSelfSigned("ACME challenge", Date.now(), {
    host,
    digest: createHash("sha256").update(keyAuthorization).digest(),
  });
  return createSecureContext({ cert: made.certificate, key: made.key });
};

const prefix = ascii("/.well-known/acme-challenge/");

/** @returns null when the request is not for a challenge that is under way */
export const challengeAnswer = (
  challenges: Challenges,
  host: string,
  head: RequestHead,
  input: Uint8Array,
): OwnAnswer | null => {
  if (head.method !== "GET" && head.method !== "HEAD") return null;
  const { targetStart, targetEnd } = head;
  if (targetEnd - targetStart <= prefix.length) return null;
  for (let i = 0; i < prefix.length; i++) if (input[targetStart + i] !== prefix[i]) return null;
  const token = textOf(input, targetStart + prefix.length, targetEnd);
  const body = challenges.http.get(`${host}/${token}`);
  if (body === undefined) return null;
  return { status: 200, contentType: "text/plain", body, fields: "Cache-Control: no-store\r\n" };
};
