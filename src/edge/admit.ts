import { isUsedUp } from "./bandwidth.ts";
import { takeClientToken } from "./client-limiter.ts";
import { answerExchange, failExchange } from "./exchange-end.ts";
import { type OwnAnswer, pageAnswer } from "./own-answer.ts";
import type { RequestHead } from "./request-head.ts";
import { takeShared } from "./shared/rate-bucket.ts";
import { othersServing, tellServing } from "./shared/share.ts";
import type { Exchange } from "./state.ts";

/** Applies the route's limits; a refused exchange is answered. Requests refused for concurrency take no token. */
export const admit = (exchange: Exchange, head: RequestHead): boolean => {
  const { target } = exchange;
  const { limits } = target.route;
  if (
    limits.concurrentRequests !== null &&
    tellServing(exchange.visitor.edge, target) + othersServing(target.share) > limits.concurrentRequests &&
    target.route.target.kind !== "hold"
  ) {
    answerExchange(
      exchange,
      pageAnswer(
        503,
        "Too busy",
        "This site is handling as many requests as it may. Try again in a moment.",
        1,
      ),
    );
    return false;
  }
  if (target.clients !== null) {
    const waitSeconds = takeClientToken(target.clients, exchange.address, exchange.startedAtMs);
    if (waitSeconds > 0) {
      const message = "You ask more often than this site allows. Try again later.";
      answerExchange(exchange, tooMany(message, target.clients.perMinute, waitSeconds));
      return false;
    }
  }
  if (target.bucket !== null) {
    const waitSeconds = takeShared(target.bucket, exchange.startedAtMs);
    if (waitSeconds > 0) {
      const message = "This site receives more requests than it may. Try again later.";
      answerExchange(exchange, tooMany(message, target.bucket.perMinute, waitSeconds));
      return false;
    }
  }
  if (target.bandwidth.rule?.policy === "block" && isUsedUp(target)) {
    answerExchange(
      exchange,
      pageAnswer(
        509,
        "Bandwidth used up",
        "This site has used its bandwidth for this month. It is back when the next one begins.",
        Math.max(1, Math.ceil((target.bandwidth.endsAtMs - Date.now()) / 1000)),
      ),
    );
    return false;
  }
  if (head.fields.contentLength > limits.maxBodyBytes) {
    failExchange(exchange, 413);
    return false;
  }
  return true;
};

/**
 * With the three fields in use (draft-ietf-httpapi-ratelimit-headers up to -06, as GitHub's and most frameworks'
 * clients read them); the one structured field of later drafts is hardly read by anyone yet. Only on refusals.
 */
const tooMany = (message: string, perMinute: number, waitSeconds: number): OwnAnswer => {
  const answer = pageAnswer(429, "Too many requests", message, waitSeconds);
  return {
    ...answer,
    fields:
      `${answer.fields}RateLimit-Limit: ${perMinute}\r\nRateLimit-Remaining: 0\r\n` +
      `RateLimit-Reset: ${waitSeconds}\r\nRateLimit-Policy: ${perMinute};w=60\r\n`,
  };
};
