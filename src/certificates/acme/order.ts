import { z } from "zod";
import { certificateRequest } from "./certificate-request.ts";
import type { AcmeAnswer, AcmeClient } from "./client.ts";
import { AcmeProblem, problemOf } from "./problem.ts";
import { certificateId } from "./renewal-info.ts";

const orderShape = z.object({
  status: z.enum(["pending", "ready", "processing", "valid", "invalid"]),
  authorizations: z.array(z.url()),
  finalize: z.url(),
  certificate: z.url().optional(),
  error: z.unknown().optional(),
});
type Order = z.infer<typeof orderShape>;

const authorizationShape = z.object({
  status: z.enum(["pending", "valid", "invalid", "deactivated", "expired", "revoked"]),
  identifier: z.object({ value: z.string() }),
  challenges: z.array(
    z.object({
      type: z.string(),
      url: z.url(),
      status: z.string(),
      /** Becomes part of a path and of what the edge is told. */
      token: z
        .string()
        .max(512)
        .regex(/^[\w-]*$/)
        .default(""),
      error: z.unknown().optional(),
    }),
  ),
});
type Authorization = z.infer<typeof authorizationShape>;

export interface Challenge {
  token: string;
  keyAuthorization: string;
  host: string;
}

/** Makes one kind of challenge come true. */
export interface Solver {
  type: "http-01" | "tls-alpn-01" | "dns-01";
  /** Returns once the authority may look. @returns takes it away again */
  present(challenge: Challenge): Promise<() => Promise<void>>;
  /** Takes away what a process that was killed left behind; missing where nothing outlives it. Never rejects. */
  tidy?(challenge: Challenge): Promise<void>;
}

export interface OrderDeps {
  client: AcmeClient;
  /** The first that the authority offers is taken. */
  solvers: readonly Solver[];
  /** The order is of an earlier try. */
  resumed: boolean;
  sleep(ms: number): Promise<void>;
  /** Milliseconds that never jump. */
  monotonicMs(): number;
}

/** The authority's word is waited for so long at each step. */
const patienceMs = 90_000;
const longestPauseMs = 10_000;

/**
 * @param replaces chain of the certificate that the order renews: authorities that offer renewal information hold
 * renewals to fewer limits (RFC 9773 section 5)
 * @returns the order's URL, to be kept before anything else is done
 */
export const newOrder = async (
  client: AcmeClient,
  name: string,
  replaces: string | null,
): Promise<string> => {
  const { newOrder: url, renewalInfo } = await client.directory();
  const id = replaces === null || renewalInfo === undefined ? null : certificateId(replaces);
  const ask = (more: object) => client.post(url, { identifiers: [{ type: "dns", value: name }], ...more });
  const { location } =
    id === null
      ? await ask({})
      : await ask({ replaces: id }).catch((error) => {
          // It knows nothing of that one, or has it replaced already; the order is as good without.
          if (!(error instanceof AcmeProblem) || ![400, 403, 404, 409].includes(error.status)) throw error;
          return ask({});
        });
  if (location === null) throw new AcmeProblem("", "it took an order without an address", 0, null);
  return location;
};

/**
 * Brings an order to its end from wherever it is: proves control, hands in the request, fetches the chain. Repeating
 * it after a crash goes on where it stopped.
 * @returns the chain, PEM
 * @throws AcmeProblem; type `orderInvalid` when the order is over and another one is needed
 */
export const finishOrder = async (
  deps: OrderDeps,
  orderUrl: string,
  name: string,
  keyPem: string,
): Promise<string> => {
  const { client } = deps;
  const look = async (): Promise<Order> => parse(orderShape, await client.post(orderUrl, null));
  let order = await look();
  if (order.status === "pending") {
    for (const url of order.authorizations) await authorize(deps, url, name);
    order = await settle(deps, look, (one) => one.status !== "pending");
  } else if (deps.resumed)
    for (const url of order.authorizations) await tidy(deps, await authorizationAt(deps, url));
  if (order.status === "ready") {
    const csr = Buffer.from(certificateRequest([name], keyPem)).toString("base64url");
    await client.post(order.finalize, { csr });
  }
  if (order.status !== "valid" && order.status !== "invalid")
    order = await settle(deps, look, (one) => one.status === "valid" || one.status === "invalid");
  if (order.status === "invalid") {
    const { detail } = problemOf(order.error, 0);
    throw new AcmeProblem("orderInvalid", detail || "the order did not come through", 0, null);
  }
  if (order.certificate === undefined)
    throw new AcmeProblem("orderInvalid", "the order ended without a certificate", 0, null);
  return (await client.post(order.certificate, null, { accept: "application/pem-certificate-chain" })).text;
};

const authorizationAt = async ({ client }: OrderDeps, url: string): Promise<Authorization> =>
  parse(authorizationShape, await client.post(url, null));

const challengeOf = (
  { client }: OrderDeps,
  { identifier }: Authorization,
  { token }: Authorization["challenges"][number],
): Challenge => ({ token, keyAuthorization: client.keyAuthorization(token), host: identifier.value });

/** The authority had its look while nobody was here to take the answer away. */
const tidy = async (deps: OrderDeps, authorization: Authorization): Promise<void> => {
  for (const solver of deps.solvers)
    for (const challenge of authorization.challenges)
      if (challenge.type === solver.type) await solver.tidy?.(challengeOf(deps, authorization, challenge));
};

const authorize = async (deps: OrderDeps, url: string, name: string): Promise<void> => {
  const { client } = deps;
  const look = () => authorizationAt(deps, url);
  const authorization = await look();
  if (authorization.identifier.value !== name.replace(/^\*\./, ""))
    throw new AcmeProblem("orderInvalid", "it asks about another name than was ordered", 0, null);
  if (deps.resumed && authorization.status !== "pending") await tidy(deps, authorization);
  if (authorization.status === "valid") return;
  if (authorization.status !== "pending")
    throw new AcmeProblem("orderInvalid", "the authority has given up an earlier try", 0, null);
  const offered = (type: string) => authorization.challenges.find((one) => one.type === type);
  const solver =
    // One that was answered before a crash is being checked already.
    deps.solvers.find(({ type }) => offered(type)?.status === "processing") ??
    deps.solvers.find(({ type }) => offered(type) !== undefined);
  if (solver === undefined) {
    const types = authorization.challenges.map(({ type }) => type).join(", ");
    throw new AcmeProblem("orderInvalid", `it offers ${types} alone, which cannot be met here`, 0, null);
  }
  const challenge = offered(solver.type)!;
  const withdraw = await solver.present(challengeOf(deps, authorization, challenge));
  try {
    if (challenge.status === "pending") await client.post(challenge.url, {});
    const result = await settle(deps, look, (one) => one.status !== "pending");
    if (result.status === "valid") return;
    const failed = result.challenges.find((one) => one.error !== undefined);
    const problem = problemOf(failed?.error, 0);
    const detail = problem.detail || "the challenge was not met";
    throw new AcmeProblem("orderInvalid", detail, 0, null, `${failed?.type ?? ""} ${problem.type}`);
  } finally {
    await withdraw();
  }
};

/** Looks again with growing pauses. */
const settle = async <T>(
  deps: OrderDeps,
  look: () => Promise<T>,
  done: (value: T) => boolean,
): Promise<T> => {
  const endMs = deps.monotonicMs() + patienceMs;
  for (let pauseMs = 250; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    const value = await look();
    if (done(value)) return value;
    if (deps.monotonicMs() > endMs)
      throw new AcmeProblem("", `it came to no result within ${patienceMs / 1000} s`, 0, null);
    await deps.sleep(pauseMs);
  }
};

const parse = <T>(shape: z.ZodType<T>, answer: AcmeAnswer): T => {
  const parsed = shape.safeParse(answer.body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join(".")).filter(Boolean);
  const what = where.length > 0 ? ` (${where.slice(0, 5).join(", ")})` : "";
  throw new AcmeProblem("", `its answer was not understood${what}`, 0, null);
};
