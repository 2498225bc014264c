import { routeName } from "./authority.ts";
import { beginsWell, createChunkedBody } from "./chunked-body.ts";
import { admit } from "./admit.ts";
import { isHeldBack } from "./bandwidth.ts";
import { answerExchange, failExchange } from "./exchange-end.ts";
import { type OwnAnswer, pageAnswer, plainAnswer, writeAnswer } from "./own-answer.ts";
import { dispatch } from "./request.ts";
import { routeOf } from "./router.ts";
import { codingFor } from "./rules/compression.ts";
import { isAmong } from "./rules/networks.ts";
import { applyRules } from "./rules/apply-rules.ts";
import type { RequestHead } from "./request-head.ts";
import type { ActiveRoute, Exchange, Visitor } from "./state.ts";
import { countIn } from "./meter.ts";
import { noteRequest } from "./traffic.ts";
import { holdExchange } from "./hold.ts";
import { rereadHead } from "./slow-down.ts";
import { chooseGroup } from "./split.ts";
import { answerFromFolder } from "./static/static-answer.ts";
import { challengeAnswer } from "./tls/challenges.ts";
import { certificateFor } from "./tls/certificate-set.ts";
import { redirectAnswer } from "./tls/redirect.ts";
import { believeProxy } from "./trusted-proxies.ts";
import { belongsOn } from "./tls/secure-channel.ts";
import { closeVisitor, lingerVisitor } from "./visitor-end.ts";

/**
 * Begins the exchange for the head just read (still in `edge.requestHead` and `edge.requestOut`).
 * @returns the position up to which `input` is used: after the head, and after body bytes sent along with it
 */
export const beginExchange = (
  visitor: Visitor,
  input: Uint8Array,
  start: number,
  after: number,
  end: number,
): number => {
  const { edge } = visitor;
  const head = edge.requestHead;
  const { fields } = head;
  const host = routeName(input, fields.hostStart, head.hostEnd);
  if (visitor.channel !== null && !belongsOn(visitor.channel, host)) {
    answerUnrouted(visitor, head, plainAnswer(421));
    return after;
  }
  if (edge.challenges.http.size > 0) {
    const answer = challengeAnswer(edge.challenges, host, head, input);
    if (answer !== null) {
      answerUnrouted(visitor, head, answer);
      return after;
    }
  }
  const target = routeOf(edge.router, host);
  if (target === undefined) {
    // The same words whether or not the host once had a route.
    answerUnrouted(visitor, head, plainAnswer(404));
    return after;
  }
  const exchange = createExchange(visitor, target, head, input, start);
  visitor.exchange = exchange;
  visitor.headBegun = false;
  visitor.deadlineMs = Number.POSITIVE_INFINITY;
  target.meter.active++;
  countIn(exchange, after - start);
  const { trusted } = edge.router;
  if (trusted !== null && isAmong(trusted, visitor.address))
    believeProxy(exchange, trusted, input, start, after);
  noteRequest(exchange, host, head, input);
  if (!admit(exchange, head)) return after;
  if (exchange.chunks !== null && end > after && !beginsWell(input, after, end, edge.frame.bytes)) {
    failExchange(exchange, 400);
    return end;
  }
  if (isHeldBack(target)) {
    waitForBandwidth(exchange);
    return after;
  }
  return serve(exchange, host, input, after, end);
};

/** The route may not move a byte for the moment: the request waits, but not for ever. */
const waitForBandwidth = (exchange: Exchange): void => {
  const { visitor } = exchange;
  const { edge } = visitor;
  visitor.phase = "connecting";
  exchange.deadlineMs = edge.clock.nowMs + edge.deadlines.answerMs;
  edge.slowed.add(exchange);
  exchange.resume = () => {
    const after = rereadHead(exchange);
    const input = exchange.headInput!;
    const { requestHead: head } = edge;
    exchange.deadlineMs = Number.POSITIVE_INFINITY;
    serve(exchange, routeName(input, head.fields.hostStart, head.hostEnd), input, after, after);
    if (visitor.exchange === exchange && visitor.held !== null) visitor.advance(visitor);
  };
};

/** Serves an admitted exchange, whose head is in the scratch space. @returns as `beginExchange` does */
const serve = (exchange: Exchange, host: string, input: Uint8Array, after: number, end: number): number => {
  const { visitor, target } = exchange;
  const { edge } = visitor;
  const head = edge.requestHead;
  // Nobody is sent to a name that has no certificate, such as a domain that waits for its first one.
  const httpsPort =
    target.route.https?.redirect === true && certificateFor(edge.certificates, host) !== null
      ? edge.httpsPort
      : null;
  const elsewhere = redirectAnswer(target.route, exchange.secure, host, httpsPort, head, input);
  if (elsewhere !== null) {
    answerExchange(exchange, elsewhere);
    return after;
  }
  if (
    target.rules !== null &&
    applyRules(
      exchange,
      target.rules,
      head,
      input,
      (next) => void toGoal(exchange, exchange.headInput!, next, next),
    )
  )
    return after;
  return toGoal(exchange, input, after, end);
};

/** Goes on with an exchange that waited before anything of it was sent: to whatever its route leads to now. */
export const serveAgain = (exchange: Exchange): void => {
  const { visitor } = exchange;
  const after = rereadHead(exchange);
  exchange.deadlineMs = Number.POSITIVE_INFINITY;
  toGoal(exchange, exchange.headInput!, after, after);
  if (visitor.exchange === exchange && (visitor.held !== null || visitor.paused)) visitor.advance(visitor);
};

/** Whatever the route leads to. */
const toGoal = (exchange: Exchange, input: Uint8Array, after: number, end: number): number => {
  const { visitor, target } = exchange;
  const head = visitor.edge.requestHead;
  const goal = target.route.target;
  switch (goal.kind) {
    case "replicas":
      if (target.rules?.compression === true) exchange.coding = codingFor(head, visitor.edge.requestOut);
      if (target.split !== null) chooseGroup(exchange, target.split);
      return dispatch(exchange, input, after, end);
    case "hold":
      holdExchange(exchange, goal);
      return after;
    case "static":
      answerFromFolder(exchange, target.folder!, head, input);
      return after;
    case "redirect":
      // Answered above; nothing is left to serve.
      return after;
    case "message":
      answerExchange(
        exchange,
        pageAnswer(goal.status, goal.title, goal.message, goal.status === 503 ? 5 : undefined),
      );
      return after;
  }
};

const createExchange = (
  visitor: Visitor,
  target: ActiveRoute,
  head: RequestHead,
  input: Uint8Array,
  start: number,
): Exchange => {
  const { fields, method } = head;
  const body = fields.chunked ? "chunked" : fields.contentLength > 0 ? "length" : "none";
  return {
    visitor,
    target,
    startedAtMs: visitor.edge.now(),
    address: visitor.address,
    secure: visitor.secure,
    provenance: visitor.provenance,
    requestId: null,
    requestNumber: 0,
    status: 499,
    bytesIn: 0,
    bytesOut: 0,
    answeredAtMs: 0,
    seen: null,
    host: "",
    detail: null,
    isHead: method === "HEAD",
    minor: head.minor,
    webSocket: head.webSocket,
    repeatable: body === "none" && method !== "POST" && method !== "OTHER" && !head.webSocket,
    keepAlive: head.keepAlive,
    body,
    bodyRemaining: body === "length" ? fields.contentLength : 0,
    bodyBytes: 0,
    chunks: body === "chunked" ? createChunkedBody() : null,
    expectContinue: fields.expectContinue && head.minor === 1 && body !== "none",
    headInput: input,
    headAt: start,
    group: null,
    groupIsNew: false,
    replica: null,
    upstream: null,
    connectFailures: 0,
    resent: false,
    newsDueMs: 0,
    deadlineMs: Number.POSITIVE_INFINITY,
    answered: false,
    chunkedOut: false,
    quick: false,
    complete: false,
    source: null,
    tunnel: null,
    coding: null,
    packer: null,
    resume: null,
  };
};

/** Answers a request that belongs to no route. */
const answerUnrouted = (visitor: Visitor, head: RequestHead, answer: OwnAnswer): void => {
  const { fields } = head;
  const hasBody = fields.chunked || fields.contentLength > 0;
  const keepAlive = head.keepAlive && !hasBody && !visitor.edge.leaving;
  writeAnswer(visitor.edge, visitor, answer, {
    isHead: head.method === "HEAD",
    keepAlive,
    minor: head.minor,
  });
  if (keepAlive) {
    visitor.headBegun = false;
    visitor.deadlineMs = visitor.edge.clock.nowMs + visitor.edge.deadlines.keepAliveMs;
  } else if (hasBody || visitor.out.pendingBytes > 0) lingerVisitor(visitor);
  else closeVisitor(visitor);
};
