import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import {
  type EdgeRules,
  type EdgeRulesPatch,
  type EdgeRulesView,
  edgeRulesView,
  readEdgeRules,
  writeEdgeRules,
} from "../domain/edge-rules.ts";
import { invalid } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";

export const showEdgeRules = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<EdgeRulesView> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  return edgeRulesView(readEdgeRules((await deps.store.edgeRulesOf(environment.id))?.rules));
};

/** Enough against a stolen database; the edge remembers whom it has verified. */
const hashing = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;

type Users = EdgeRules["basicAuth"];

const hashed = (given: NonNullable<EdgeRulesPatch["basicAuth"]>): Promise<(string | null)[]> =>
  Promise.all(
    given.map(({ password }) => (password === undefined ? null : Bun.password.hash(password, hashing))),
  );

/** @throws AppError `invalid_input` for a new user without a password */
const usersAfter = (
  before: Users,
  given: NonNullable<EdgeRulesPatch["basicAuth"]>,
  hashes: (string | null)[],
): Users =>
  given.map(({ name }, i) => {
    const passwordHash = hashes[i] ?? before.find((user) => user.name === name)?.passwordHash;
    if (passwordHash === undefined) throw invalid("basicAuth", `user ${name} is new and needs a password`);
    return { name, passwordHash };
  });

/**
 * Changes what the edge does for an environment; fields that are not given stay. The edge follows at once, or
 * as soon as it answers. Passwords are stored hashed and never shown.
 * @throws AppError `invalid_input`
 */
export const setEdgeRules = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  patch: EdgeRulesPatch,
  environmentName?: string,
): Promise<EdgeRulesView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  const nowMs = deps.clock.nowMs();
  const { basicAuth, ...plain } = patch;
  const hashes = await hashed(basicAuth ?? []);
  await deps.store.transaction(async (queries) => {
    const before = readEdgeRules((await queries.edgeRulesOf(environment.id))?.rules);
    const given = Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined));
    const after: EdgeRules = {
      ...before,
      ...given,
      ...(basicAuth && { basicAuth: usersAfter(before.basicAuth, basicAuth, hashes) }),
    };
    await queries.putEdgeRules({
      environmentId: environment.id,
      rules: writeEdgeRules(after),
      updatedAt: nowMs,
    });
    await queries.insertAudit(
      auditEntry(
        actor,
        "site.rules",
        { type: "site", id: site.id },
        { before: edgeRulesView(before), after: edgeRulesView(after) },
        nowMs,
      ),
    );
  });
  await deps.onChange.environment(environment.id);
  return showEdgeRules(deps, actor, slug, environmentName);
};
