import { z } from "zod";
import type { EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import type { PushedHead } from "./hook-store.ts";

const hash = z.string().regex(/^[0-9a-f]{40}$/);

/** Of GitHub's `push` event only what decides whether and what to deploy. */
export const githubPushSchema = z.object({
  ref: z.string().max(1000),
  before: hash,
  after: hash,
  deleted: z.boolean().default(false),
  repository: z.object({
    full_name: z.string().max(500),
    clone_url: z.string().max(1000).optional(),
    /** Seconds in push events, ISO 8601 in others. */
    pushed_at: z.union([z.number(), z.string()]).nullish(),
  }),
});
export type GithubPush = z.infer<typeof githubPushSchema>;

/** Host and path in one spelling: no `.git`, no trailing slash, any case. Null when it is no address. */
const repositoryKey = (address: string): string | null => {
  const url = URL.parse(address);
  if (!url) return null;
  return `${url.host}${url.pathname}`
    .toLowerCase()
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
};

/** Whole addresses are compared: `ada/app` is neither `ada/app2` nor another host's `ada/app`. */
const isRepositoryOf = (siteUrl: string, repository: GithubPush["repository"]): boolean => {
  const own = repositoryKey(siteUrl);
  if (own === null) return false;
  if (repository.clone_url !== undefined) return repositoryKey(repository.clone_url) === own;
  return own.slice(own.indexOf("/") + 1) === repository.full_name.toLowerCase();
};

const pushedAtOf = (value: string | number | null | undefined): number | null => {
  const ms = typeof value === "number" ? value * 1000 : value ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) ? Math.round(ms) : null;
};

export type PushDecision =
  { deploy: false; reason: string } | { deploy: true; commit: string; head: PushedHead };

/** Whether a push to GitHub deploys this environment. */
export const decideOnPush = (
  push: GithubPush,
  { site, environment }: { site: SiteRecord; environment: EnvironmentRecord },
): PushDecision => {
  const ignore = (reason: string): PushDecision => ({ deploy: false, reason });
  if (site.repositoryUrl && !isRepositoryOf(site.repositoryUrl, push.repository))
    return ignore(`the push is to ${push.repository.full_name}, not to the site's repository`);
  if (push.ref.startsWith("refs/tags/")) return ignore("tags deploy nothing");
  if (push.ref !== `refs/heads/${environment.branch}`)
    return ignore(
      `${push.ref.replace(/^refs\/heads\//, "branch ")} does not deploy, ${environment.branch} does`,
    );
  if (push.deleted || /^0+$/.test(push.after)) return ignore("the branch was deleted");
  if (environment.autoDeploy === 0) return ignore("automatic deploys are switched off for this site");
  const head = {
    headBefore: push.before,
    headAfter: push.after,
    pushedAt: pushedAtOf(push.repository.pushed_at),
  };
  return { deploy: true, commit: push.after, head };
};
