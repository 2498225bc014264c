import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../domain/clock.ts";
import { newId } from "../domain/id.ts";
import { formatBytes, MB } from "../domain/size.ts";
import { AppError, type ErrorCode } from "../errors.ts";
import { decideOnPush, githubPushSchema } from "./github-push.ts";
import { hookSecretPlace, type HookStore, type HookTarget } from "./hook-store.ts";

export const maxDeliveryBytes = 25 * MB;

export interface WebhookDeps {
  store: HookStore;
  openSecret(ciphertext: string, place: string): Promise<string>;
  clock: Clock;
  /** Puts a deployment of this commit into the queue, trigger `webhook`. */
  enqueue(target: HookTarget, source: { branch: string; commit: string }): Promise<{ deploymentId: string }>;
}

export interface Delivery {
  hookId: string;
  headers: Pick<Headers, "get">;
  rawBody: Uint8Array;
  ip: string | null;
}

export interface DeliveryAnswer {
  /** 202 deploys, 200 seen before or nothing to deploy, 400 not GitHub's form, 401 not genuine. */
  status: 200 | 202 | 400 | 401 | 404 | 413;
  body: { deployment?: string; ignored?: string; duplicate?: boolean; error?: string };
}

/** Deliveries that come later than this after a newer one are taken as they are. */
const lateMs = 24 * 60 * 60_000;
const refusedPerMinute = 30;
/** Refusals that last until somebody changes the site; all others are worth a retry by the host itself. */
const final: readonly ErrorCode[] = ["invalid_input", "forbidden", "not_found", "conflict"];

const clean = (text: string | null, max: number): string =>
  (text ?? "").replace(/[^\x20-\x7e\u00a1-\u1fff\u3000-\ud7ff]/g, "").slice(0, max);

/**
 * `X-Hub-Signature-256` over the body's very bytes, compared in constant time. A missing or empty secret fits
 * nothing, nor does the old SHA-1 header.
 */
export const isGenuine = (secret: string, rawBody: Uint8Array, signature: string | null): boolean => {
  const given = /^sha256=([0-9a-f]{64})$/.exec(signature ?? "")?.[1];
  if (secret === "" || given === undefined) return false;
  return timingSafeEqual(createHmac("sha256", secret).update(rawBody).digest(), Buffer.from(given, "hex"));
};

const parseJson = (delivery: Delivery): unknown => {
  const text = Buffer.from(delivery.rawBody).toString("utf8");
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(delivery.headers.get("content-type") ?? "");
  try {
    return JSON.parse(isForm ? (new URLSearchParams(text).get("payload") ?? "") : text);
  } catch {
    return null;
  }
};

/** Deliveries of one hook go one after another, so that of two pushes the later one's deployment is the later one. */
const createLanes = () => {
  const tails = new Map<string, Promise<unknown>>();
  return async <T>(key: string, run: () => Promise<T>): Promise<T> => {
    const mine = (tails.get(key) ?? Promise.resolve()).then(run, run);
    const settled = mine.catch(() => {});
    tails.set(key, settled);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === settled) tails.delete(key);
    }
  };
};

/** What comes in from git hosts. */
export const createWebhooks = (deps: WebhookDeps) => {
  const { store, clock } = deps;
  const inLane = createLanes();

  const refuse = async (delivery: Delivery, event: string, deliveryId: string): Promise<DeliveryAnswer> => {
    const nowMs = clock.nowMs();
    const has = delivery.headers.get("x-hub-signature-256") !== null;
    const error = has ? "the signature is wrong" : "the signature is missing (X-Hub-Signature-256)";
    const row = { hookId: delivery.hookId, deliveryId, event, result: `refused: ${error}`, at: nowMs };
    if (await store.recordRefusedDelivery(row, nowMs - 60_000, refusedPerMinute))
      await store.insertSecurityEvent({
        id: newId("sec", nowMs),
        at: nowMs,
        type: "hook_signature_wrong",
        severity: "medium",
        details: JSON.stringify({ hook: delivery.hookId, deliveryId, event, missing: !has }),
        ip: delivery.ip,
      });
    return { status: 401, body: { error } };
  };

  /** @returns the row's id when this call is to handle the delivery, otherwise the answer of a duplicate */
  const claim = async (
    hookId: string,
    deliveryId: string,
    event: string,
  ): Promise<number | DeliveryAnswer> => {
    const at = clock.nowMs();
    const id = await store.claimDelivery({ hookId, deliveryId, event, at });
    if (id !== null) return id;
    const seen = await store.seenDelivery(hookId, deliveryId);
    // Within its hook's lane nobody else is at it: one that was taken but not finished was cut short by a crash. One
    // that was refused may be tried again once the site is set right.
    if (seen && (await store.reclaimDelivery(seen.id, at))) return seen.id;
    const deployment = seen?.deploymentId ? { deployment: seen.deploymentId } : {};
    return {
      status: 200,
      body: { duplicate: true, ignored: "this delivery was seen before", ...deployment },
    };
  };

  const handle = async (
    target: HookTarget,
    delivery: Delivery,
    event: string,
    id: number,
  ): Promise<DeliveryAnswer> => {
    const ignore = async (reason: string): Promise<DeliveryAnswer> => {
      const ignored = clean(reason, 300);
      await store.finishDelivery(id, `ignored: ${ignored}`, null);
      return { status: 200, body: { ignored } };
    };
    if (event !== "push") return ignore(`${event} events deploy nothing`);
    const push = githubPushSchema.safeParse(parseJson(delivery));
    if (!push.success) {
      const error = "the body is not a push event of GitHub";
      await store.finishDelivery(id, `refused: ${error}`, null);
      return { status: 400, body: { error } };
    }
    const decision = decideOnPush(push.data, target);
    if (!decision.deploy) return ignore(decision.reason);
    await store.noteHead(id, decision.head);
    if (await store.newerPushSeen(target.hook.id, id, decision.head, clock.nowMs() - lateMs))
      return ignore("a newer push to this branch was delivered before");
    try {
      const source = { branch: target.environment.branch, commit: decision.commit };
      const { deploymentId } = await deps.enqueue(target, source);
      await store.finishDelivery(id, "deployed", deploymentId);
      return { status: 202, body: { deployment: deploymentId } };
    } catch (error) {
      if (!(error instanceof AppError && final.includes(error.code))) throw error;
      const ignored = clean(error.publicMessage, 300);
      await store.finishDelivery(id, `refused: ${ignored}`, null);
      return { status: 200, body: { ignored } };
    }
  };

  return {
    /** Whether there is such a hook: asked before a body is read for it. */
    exists: async (hookId: string): Promise<boolean> => (await store.hookTarget(hookId)) !== undefined,

    /**
     * One delivery of GitHub. Each delivery id counts once; a delivery that fails inside is let go of, so that it
     * can be delivered again.
     * @throws what `enqueue` throws, unless delivering again would change nothing
     */
    handleGithubDelivery: async (delivery: Delivery): Promise<DeliveryAnswer> => {
      const { hookId, headers, rawBody } = delivery;
      if (rawBody.length > maxDeliveryBytes)
        return {
          status: 413,
          body: { error: `a delivery may hold at most ${formatBytes(maxDeliveryBytes)}` },
        };
      const target = await store.hookTarget(hookId);
      if (!target || target.hook.provider !== "github")
        return { status: 404, body: { error: "the hook was not found" } };
      const event = clean(headers.get("x-github-event"), 100);
      const deliveryId = clean(headers.get("x-github-delivery"), 100);
      const secret = await deps.openSecret(target.hook.secretCiphertext, hookSecretPlace(hookId));
      if (!isGenuine(secret, rawBody, headers.get("x-hub-signature-256")))
        return refuse(delivery, event, deliveryId);
      if (event === "") return { status: 400, body: { error: "the header X-GitHub-Event is missing" } };
      if (deliveryId === "")
        return { status: 400, body: { error: "the header X-GitHub-Delivery is missing" } };
      return inLane(hookId, async () => {
        const claimed = await claim(hookId, deliveryId, event);
        if (typeof claimed !== "number") return claimed;
        try {
          return await handle(target, delivery, event, claimed);
        } catch (error) {
          await store.releaseDelivery(claimed);
          throw error;
        }
      });
    },
  };
};

export type Webhooks = ReturnType<typeof createWebhooks>;
