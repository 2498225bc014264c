import { X509Certificate } from "node:crypto";
import { z } from "zod";
import type { AcmeClient } from "./client.ts";
import { AcmeProblem } from "./problem.ts";

/** One element of DER: its tag, its content, and where it ends. */
const element = (bytes: Uint8Array, at: number): { tag: number; content: Uint8Array; end: number } => {
  let length = bytes[at + 1]!;
  let start = at + 2;
  if (length >= 0x80) {
    const size = length & 0x7f;
    length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + bytes[start + i]!;
    start += size;
  }
  return { tag: bytes[at]!, content: bytes.subarray(start, start + length), end: start + length };
};

const children = (content: Uint8Array) => {
  const all: ReturnType<typeof element>[] = [];
  for (let at = 0; at < content.length; at = all.at(-1)!.end) all.push(element(content, at));
  return all;
};

const authorityKeyIdentifier = "551d23";

/**
 * What an authority calls a certificate (RFC 9773 section 4.1): its authority's key identifier and its serial number.
 * @returns null for a certificate that does not name its authority's key
 */
export const certificateId = (chainPem: string): string | null => {
  const { raw } = new X509Certificate(chainPem);
  const [tbs] = children(element(raw, 0).content);
  const parts = children(tbs!.content);
  const serial = parts.find(({ tag }) => tag === 0x02);
  const extensions = parts.find(({ tag }) => tag === 0xa3);
  if (!serial || !extensions) return null;
  for (const extension of children(children(extensions.content)[0]!.content)) {
    const fields = children(extension.content);
    if (Buffer.from(fields[0]!.content).toString("hex") !== authorityKeyIdentifier) continue;
    const value = element(fields.at(-1)!.content, 0);
    const keyId = children(value.content).find(({ tag }) => tag === 0x80);
    if (keyId)
      return [keyId.content, serial.content].map((one) => Buffer.from(one).toString("base64url")).join(".");
  }
  return null;
};

const shape = z.object({
  suggestedWindow: z.object({
    start: z.iso.datetime({ offset: true }),
    end: z.iso.datetime({ offset: true }),
  }),
  explanationURL: z.string().optional(),
});

export interface RenewalInfo {
  startMs: number;
  endMs: number;
  /** Why, when there is a reason beside age. */
  explanationUrl: string | null;
  /** When to ask again. */
  retryAfterMs: number | null;
}

/**
 * When the authority wants a certificate to be renewed (RFC 9773 section 4.2); null where it does not say.
 * @throws AcmeProblem
 */
export const renewalInfo = async (client: AcmeClient, chainPem: string): Promise<RenewalInfo | null> => {
  const { renewalInfo: url } = await client.directory();
  const id = url === undefined ? null : certificateId(chainPem);
  if (id === null) return null;
  const { body, retryAfterMs } = await client.get(`${url}/${id}`);
  const parsed = shape.safeParse(body);
  if (!parsed.success) throw new AcmeProblem("", "its renewal information was not understood", 0, null);
  const { start, end } = parsed.data.suggestedWindow;
  const [startMs, endMs] = [Date.parse(start), Date.parse(end)];
  if (endMs <= startMs) throw new AcmeProblem("", "its renewal window ends before it begins", 0, null);
  return { startMs, endMs, explanationUrl: parsed.data.explanationURL ?? null, retryAfterMs };
};
