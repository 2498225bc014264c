import { calculateJwkThumbprint, exportJWK, FlattenedSign, importPKCS8 } from "jose";
import { z } from "zod";
import { AcmeProblem, problemOf, retryAfterOf } from "./problem.ts";

const directoryShape = z.object({
  newNonce: z.url(),
  newAccount: z.url(),
  newOrder: z.url(),
  /** Of authorities that say when to renew (RFC 9773). */
  renewalInfo: z.url().optional(),
});

export interface AcmeAnswer {
  body: unknown;
  text: string;
  location: string | null;
  retryAfterMs: number | null;
}

export interface AcmeClient {
  /** A signed POST; without a payload a POST-as-GET. @throws AcmeProblem, or fetch's error when nobody answers */
  post(url: string, payload: object | null, options?: { accept?: string }): Promise<AcmeAnswer>;
  /** For what needs no account. @throws as `post` */
  get(url: string): Promise<AcmeAnswer>;
  directory(): Promise<z.infer<typeof directoryShape>>;
  /** Makes the account, or finds the one that the key has. @returns its URL, used from then on */
  openAccount(email: string | null, external: ExternalAccount | null): Promise<string>;
  /** Answer to a challenge (RFC 8555 section 8.1). */
  keyAuthorization(token: string): string;
}

/** An account that one has with the authority already (RFC 8555 section 7.3.4). */
export interface ExternalAccount {
  keyId: string;
  /** base64url */
  hmacKey: string;
}

export interface AcmeConnection {
  directoryUrl: string;
  /** P-256, PKCS #8. */
  accountKey: string;
  accountUrl: string | null;
  /** PEM of authorities to trust in place of the system's; null for the system's. */
  ca: string | null;
  userAgent: string;
  nowMs(): number;
  signal: AbortSignal;
}

const answerMs = 20_000;
const maxBytes = 1024 * 1024;
/** The authority may refuse good nonces; at one in two refused, so many fail once in a million orders. */
const nonceTries = 24;

/**
 * RFC 8555 over fetch: signed requests, nonces, problems. Every call has a deadline; nonces that are refused are
 * replaced by the one that came with the refusal (section 6.5).
 */
export const createAcmeClient = async (connection: AcmeConnection): Promise<AcmeClient> => {
  const key = await importPKCS8(connection.accountKey, "ES256", { extractable: true });
  const { kty, crv, x, y } = await exportJWK(key);
  const jwk = { kty, crv, x, y };
  const thumbprint = await calculateJwkThumbprint(jwk);
  let accountUrl = connection.accountUrl;
  let known: z.infer<typeof directoryShape> | null = null;
  let nonce: string | null = null;

  const send = async (url: string, init: RequestInit = {}): Promise<{ response: Response; text: string }> => {
    const response = await fetch(url, {
      ...init,
      redirect: "error",
      headers: { "user-agent": connection.userAgent, ...(init.headers as Record<string, string>) },
      signal: AbortSignal.any([connection.signal, AbortSignal.timeout(answerMs)]),
      ...(connection.ca === null ? {} : { tls: { ca: connection.ca } }),
    });
    nonce = response.headers.get("replay-nonce") ?? nonce;
    const text = await boundedText(response);
    return { response, text };
  };

  const refusal = (response: Response, text: string): AcmeProblem =>
    problemOf(
      parseJson(text),
      response.status,
      retryAfterOf(response.headers.get("retry-after"), connection.nowMs()),
    );

  const answerOf = (response: Response, text: string): AcmeAnswer => ({
    body: parseJson(text),
    text,
    location: response.headers.get("location"),
    retryAfterMs: retryAfterOf(response.headers.get("retry-after"), connection.nowMs()),
  });

  const directory = async () => {
    if (known) return known;
    const { response, text } = await send(connection.directoryUrl);
    if (!response.ok) throw refusal(response, text);
    const parsed = directoryShape.safeParse(parseJson(text));
    if (!parsed.success) throw new AcmeProblem("", "what it serves is no ACME directory", 0, null);
    return (known = parsed.data);
  };

  const takeNonce = async (): Promise<string> => {
    if (nonce === null) {
      const { response, text } = await send((await directory()).newNonce, { method: "HEAD" });
      if (!response.ok) throw refusal(response, text);
    }
    const taken: string | null = nonce;
    nonce = null;
    if (taken === null) throw new AcmeProblem("", "it gave no nonce", 0, null);
    return taken;
  };

  const post = async (
    url: string,
    payload: object | null,
    options: { accept?: string } = {},
  ): Promise<AcmeAnswer> => {
    for (let tries = 1; ; tries++) {
      const signed = await new FlattenedSign(
        new TextEncoder().encode(payload === null ? "" : JSON.stringify(payload)),
      )
        .setProtectedHeader({
          alg: "ES256",
          nonce: await takeNonce(),
          url,
          ...(accountUrl === null ? { jwk } : { kid: accountUrl }),
        })
        .sign(key);
      const { response, text } = await send(url, {
        method: "POST",
        headers: { "content-type": "application/jose+json", accept: options.accept ?? "application/json" },
        body: JSON.stringify(signed),
      });
      if (response.ok) return answerOf(response, text);
      const problem = refusal(response, text);
      if (problem.type !== "badNonce" || tries === nonceTries) throw problem;
    }
  };

  const get = async (url: string): Promise<AcmeAnswer> => {
    const { response, text } = await send(url);
    if (!response.ok) throw refusal(response, text);
    return answerOf(response, text);
  };

  return {
    post,
    get,
    directory,
    keyAuthorization: (token) => `${token}.${thumbprint}`,
    openAccount: async (email, external) => {
      accountUrl = null;
      const url = (await directory()).newAccount;
      const { location } = await post(url, {
        termsOfServiceAgreed: true,
        ...(email === null ? {} : { contact: [`mailto:${email}`] }),
        ...(external === null ? {} : { externalAccountBinding: await binding(external, url, jwk) }),
      });
      if (location === null) throw new AcmeProblem("", "it made an account without an address", 0, null);
      return (accountUrl = location);
    },
  };
};

/** The account's key, signed with the one that the authority gave (RFC 8555 section 7.3.4). */
const binding = ({ keyId, hmacKey }: ExternalAccount, url: string, jwk: object) =>
  new FlattenedSign(new TextEncoder().encode(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: "HS256", kid: keyId, url })
    .sign(Buffer.from(hmacKey, "base64url"));

const boundedText = async (response: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new AcmeProblem("", "its answer is longer than 1 MB", response.status, null);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
