import { answerExchange } from "../exchange-end.ts";
import { fieldTexts, textOf } from "../fields.ts";
import { pageAnswer, plainAnswer } from "../own-answer.ts";
import type { RequestHead } from "../request-head.ts";
import { rereadHead } from "../slow-down.ts";
import type { Exchange } from "../state.ts";
import { isAmong } from "./networks.ts";
import { checkPassword } from "./password-check.ts";
import { redirectFor } from "./path-redirects.ts";
import type { SiteRules } from "./site-rules.ts";

/**
 * Applies a site's rules to a request whose head is in the scratch space.
 * @param goOn serves it later; called when a password that had to be computed is right, with the head read again
 * @returns true when the request is answered, or waits
 */
export const applyRules = (
  exchange: Exchange,
  rules: SiteRules,
  head: RequestHead,
  input: Uint8Array,
  goOn: (after: number) => void,
): boolean => {
  const { address } = exchange;
  if (
    (rules.deny !== null && isAmong(rules.deny, address)) ||
    (rules.allow !== null && !isAmong(rules.allow, address))
  ) {
    answerExchange(exchange, pageAnswer(403, "Forbidden", "This site is not open to your address."));
    return true;
  }
  if (rules.maintenance !== null) {
    const answer = pageAnswer(
      503,
      "Under maintenance",
      "This site is being worked on and will be back soon.",
      rules.maintenance.retryAfterSeconds,
    );
    answerExchange(exchange, { ...answer, body: rules.pages.maintenance ?? answer.body, final: true });
    return true;
  }
  if (rules.passwords !== null) {
    const { requestOut } = exchange.visitor.edge;
    const authorization = fieldTexts(requestOut, authorizationName).get("authorization");
    const known = checkPassword(rules.passwords, authorization);
    if (known === "busy") {
      answerExchange(
        exchange,
        pageAnswer(503, "Too busy", "Too many passwords are being tried. Try again in a moment.", 1),
      );
      return true;
    }
    if (known === false) {
      refuse(exchange);
      return true;
    }
    if (known !== true) {
      waitForPassword(exchange, rules, known, goOn);
      return true;
    }
  }
  return redirected(exchange, rules, head, input);
};

const authorizationName = new Set(["authorization"]);

const refuse = (exchange: Exchange): void => {
  const answer = pageAnswer(401, "Sign in", "This site asks for a name and a password.");
  answerExchange(exchange, {
    ...answer,
    fields: `${answer.fields}WWW-Authenticate: Basic realm="site", charset="UTF-8"\r\n`,
  });
};

const redirected = (exchange: Exchange, rules: SiteRules, head: RequestHead, input: Uint8Array): boolean => {
  if (rules.redirects === null) return false;
  const target = textOf(input, head.targetStart, head.targetEnd);
  // An absolute form may have no path.
  const goal = redirectFor(rules.redirects, target.startsWith("/") ? target : `/${target}`);
  if (goal === null) return false;
  answerExchange(exchange, { ...plainAnswer(goal.status), fields: `Location: ${goal.location}\r\n` });
  return true;
};

/** The body is not read meanwhile. */
const waitForPassword = (
  exchange: Exchange,
  rules: SiteRules,
  known: Promise<boolean>,
  goOn: (after: number) => void,
): void => {
  const { visitor } = exchange;
  const { edge } = visitor;
  visitor.phase = "connecting";
  exchange.deadlineMs = edge.clock.nowMs + edge.deadlines.answerMs;
  void known.then((good) => {
    // The visitor may have left, or waited too long.
    if (visitor.exchange !== exchange || exchange.answered) return;
    exchange.deadlineMs = Number.POSITIVE_INFINITY;
    if (!good) refuse(exchange);
    else {
      const after = rereadHead(exchange);
      if (!redirected(exchange, rules, edge.requestHead, exchange.headInput!)) goOn(after);
    }
    if (visitor.held !== null) visitor.advance(visitor);
  });
};
