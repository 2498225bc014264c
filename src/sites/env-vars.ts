import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { formatBytes, KB } from "../domain/size.ts";
import { envKeySchema, envValueSchema } from "../domain/site.ts";
import type { EnvVarView } from "../domain/views.ts";
import { invalid } from "../errors.ts";
import { reachSite } from "./access.ts";
import { envVarPlace, type SiteDeps } from "./deps.ts";

export const setEnvSchema = z.strictObject({
  set: z.record(envKeySchema, envValueSchema).default({}),
  secret: z.boolean().optional(),
  unset: z.array(envKeySchema).max(500, "must be at most 500 names").default([]),
});
export type SetEnvInput = z.input<typeof setEnvSchema>;

const maxVariables = 500;
/** A quarter of what the kernel lets a program be started with (execve(2)), and little to freeze in each release. */
const maxTotalBytes = 512 * KB;

/** Env vars of an environment; values of secret ones are never shown again. */
export const listEnvVars = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<EnvVarView[]> => {
  const { environment } = await reachSite(deps, actor, slug, "deploy", environmentName);
  const rows = await deps.store.envVarsOf(environment.id);
  return Promise.all(
    rows.map(async (row) => ({
      key: row.key,
      value: row.isSecret
        ? null
        : await deps.secretBox.open(row.ciphertext, envVarPlace(environment.id, row.key)),
      isSecret: row.isSecret === 1,
      updatedAt: new Date(row.updatedAt).toISOString(),
      updatedBy: row.updatedBy,
    })),
  );
};

const assertBounds = (values: ReadonlyMap<string, string>): void => {
  if (values.size > maxVariables) throw invalid("set", `a site can have at most ${maxVariables} variables`);
  let bytes = 0;
  for (const [key, value] of values) bytes += Buffer.byteLength(key) + Buffer.byteLength(value) + 2;
  if (bytes > maxTotalBytes)
    throw invalid(
      "set",
      `all variables together may hold at most ${formatBytes(maxTotalBytes)}; these are ${formatBytes(bytes)}. Larger data belongs in a volume or a file`,
    );
};

/**
 * Sets and unsets env vars in one transaction. A variable that was secret stays secret unless `secret: false` is
 * said. They reach the app with its next release.
 * @throws AppError `invalid_input` naming the variable
 */
export const setEnvVars = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  input: z.infer<typeof setEnvSchema>,
  environmentName?: string,
): Promise<EnvVarView[]> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  const present = new Map((await deps.store.envVarsOf(environment.id)).map((row) => [row.key, row]));
  const keys = Object.keys(input.set);
  for (const key of keys)
    if (key === "PORT") throw invalid(`set.${key}`, "is set by Croft; change the site's port instead");
  const values = new Map<string, string>();
  for (const { key, ciphertext } of present.values())
    if (!(key in input.set))
      values.set(key, await deps.secretBox.open(ciphertext, envVarPlace(environment.id, key)));
  for (const key of keys) values.set(key, input.set[key]!);
  for (const key of input.unset) values.delete(key);
  assertBounds(values);
  const nowMs = deps.clock.nowMs();
  const sealed = await Promise.all(
    Object.entries(input.set).map(async ([key, value]) => ({
      environmentId: environment.id,
      key,
      ciphertext: await deps.secretBox.seal(value, envVarPlace(environment.id, key)),
      keyVersion: deps.secretBox.keyVersion,
      isSecret: (input.secret ?? present.get(key)?.isSecret === 1) ? 1 : 0,
      updatedAt: nowMs,
      updatedBy: actor.kind === "user" ? actor.username : actor.name,
    })),
  );
  await deps.store.transaction(async (queries) => {
    for (const row of sealed) await queries.putEnvVar(row);
    for (const key of input.unset) await queries.deleteEnvVar(environment.id, key);
    await queries.insertAudit(
      auditEntry(
        actor,
        "site.env",
        { type: "site", id: site.id },
        // Names only: a value need not be marked secret to be one.
        { after: { set: keys, unset: input.unset } },
        nowMs,
      ),
    );
  });
  return listEnvVars(deps, actor, slug, environmentName);
};
