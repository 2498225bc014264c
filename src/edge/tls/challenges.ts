import { z } from "zod";
import type { AcmeChallenge } from "../../domain/edge.ts";
import { ascii } from "../byte-classes.ts";
import { textOf } from "../fields.ts";
import type { OwnAnswer } from "../own-answer.ts";
import type { RequestHead } from "../request-head.ts";

/** What ACME authorities may fetch now (RFC 8555 section 8.3), by host and token. */
export type Challenges = ReadonlyMap<string, string>;

const base64url = /^[A-Za-z0-9_-]+$/;

const challengeSet = z.strictObject({
  challenges: z
    .array(
      z.strictObject({
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
  return { challenges: byHostAndToken(parsed.data.challenges) };
};

const byHostAndToken = (challenges: readonly AcmeChallenge[]): Challenges =>
  new Map(challenges.map(({ host, token, keyAuthorization }) => [`${host}/${token}`, keyAuthorization]));

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
  const body = challenges.get(`${host}/${token}`);
  if (body === undefined) return null;
  return { status: 200, contentType: "text/plain", body, fields: "Cache-Control: no-store\r\n" };
};
