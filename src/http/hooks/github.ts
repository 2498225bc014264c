import { type Context, Hono } from "hono";
import { formatBytes } from "../../domain/size.ts";
import { AppError } from "../../errors.ts";
import { type DeliveryAnswer, maxDeliveryBytes, type Webhooks } from "../../deploy/webhook.ts";
import { type AppEnv, clientIp } from "../request-env.ts";

const readDeadlineMs = 30_000;
/** Of all bodies that are being read, together; beyond it senders are asked to come again. */
const maxBufferedBytes = 4 * maxDeliveryBytes;

const titles: Record<DeliveryAnswer["status"], string> = {
  200: "Nothing to deploy",
  202: "Accepted",
  400: "Invalid input",
  401: "Not genuine",
  404: "Not found",
  413: "Too large",
};
const codes: Partial<Record<DeliveryAnswer["status"], string>> = {
  400: "invalid_input",
  401: "unauthenticated",
  404: "not_found",
  413: "too_large",
};

const answerWith = (c: Context, { status, body }: DeliveryAnswer): Response => {
  c.header("Cache-Control", "no-store");
  const code = codes[status];
  if (code === undefined) return c.json(body, status);
  c.header("Content-Type", "application/problem+json");
  const problem = {
    type: `urn:croft:error:${code}`,
    title: titles[status],
    status,
    detail: body.error,
    code,
  };
  return c.body(JSON.stringify(problem), status);
};

/**
 * `POST /github/:hookId`, to be mounted at `/hooks`: 202 with the deployment's id, 200 for what deploys nothing or
 * was seen before. The body's very bytes are handed on, since the signature is over them.
 */
export const githubHook = (webhooks: Webhooks): Hono<AppEnv> => {
  let buffered = 0;

  /** @returns null past the bound @throws AppError `unavailable` when too much is under way or the body drips */
  const readRaw = async (request: Request): Promise<Uint8Array | null> => {
    if (Number(request.headers.get("content-length") ?? 0) > maxDeliveryBytes) return null;
    const chunks: Uint8Array[] = [];
    let size = 0;
    const reader = request.body?.getReader();
    const late = setTimeout(() => void reader?.cancel(), readDeadlineMs);
    const startedMs = performance.now();
    try {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) break;
        size += value.length;
        buffered += value.length;
        if (size > maxDeliveryBytes) return null;
        if (buffered > maxBufferedBytes)
          throw new AppError("unavailable", "too many deliveries are under way; deliver again in a moment");
        chunks.push(value);
      }
      if (performance.now() - startedMs >= readDeadlineMs)
        throw new AppError("unavailable", "the delivery did not arrive in time");
      return Buffer.concat(chunks);
    } finally {
      clearTimeout(late);
      buffered -= size;
      void reader?.cancel().catch(() => {});
    }
  };

  return new Hono<AppEnv>().post("/github/:hookId", async (c) => {
    const hookId = c.req.param("hookId");
    if (!(await webhooks.exists(hookId)))
      return answerWith(c, { status: 404, body: { error: "the hook was not found" } });
    const rawBody = await readRaw(c.req.raw);
    if (rawBody === null) {
      const error = `a delivery may hold at most ${formatBytes(maxDeliveryBytes)}`;
      return answerWith(c, { status: 413, body: { error } });
    }
    const { headers } = c.req.raw;
    const delivery = { hookId, headers, rawBody, ip: clientIp(c) };
    return answerWith(c, await webhooks.handleGithubDelivery(delivery));
  });
};
