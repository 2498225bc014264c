import type { Actor } from "../domain/actor.ts";
import type { Log } from "../domain/log.ts";
import { publicMessageOf } from "../errors.ts";
import { type HookRequest, maxUpdates, type RefUpdate } from "./hook-protocol.ts";
import { plainLine } from "./plain-line.ts";
import type { GitSite, Push } from "./pushes.ts";

/** What the git remote asks of deployments. */
export interface PushDeps {
  log: Log;
  /** Why a push of the deploying branch must be refused now, for the pusher to read; null lets it pass. */
  checkPush(push: { actor: Actor; site: GitSite; commit: string }): Promise<string | null>;
  /** Starts a deployment of a commit that is in the repository. It does not depend on the pusher staying. */
  startDeployment(push: {
    actor: Actor;
    siteId: string;
    environmentId: string;
    branch: string;
    commit: string;
  }): Promise<StartedDeployment>;
}

export interface StartedDeployment {
  deploymentId: string;
  /** Calls back with each line of the log until the deployment ends or the signal aborts. */
  follow(onLine: (line: string) => void, signal: AbortSignal): Promise<DeploymentEnd>;
}

export interface DeploymentEnd {
  ok: boolean;
  /** It goes on, but its end may be far off. */
  heldUp?: boolean;
  /** The address that now serves, the reason of failure, or what holds it up. */
  message: string;
}

const checkDeadlineMs = 15_000;
const isDeletion = (update: RefUpdate): boolean => /^0+$/.test(update.after);

/** The one update of a push that deploys, if any. */
const deployingUpdate = (site: GitSite, updates: readonly RefUpdate[]): RefUpdate | undefined =>
  site.autoDeploy ? ofBranch(site, updates) : undefined;

const ofBranch = (site: GitSite, updates: readonly RefUpdate[]): RefUpdate | undefined =>
  updates.find((update) => update.ref === `refs/heads/${site.branch}` && !isDeletion(update));

/** What to say about an update that deploys nothing; null for kinds of refs that nobody expects to deploy. */
const remark = (site: GitSite, update: RefUpdate): string | null => {
  const [, kind, name] = /^refs\/(heads|tags)\/(.+)$/.exec(update.ref) ?? [];
  if (kind === undefined) return null;
  const what = `${kind === "tags" ? "tag" : "branch"} ${name}`;
  if (isDeletion(update))
    return name === site.branch && kind === "heads"
      ? `${what} deleted; what is live stays live`
      : `${what} deleted`;
  if (kind === "tags") return `${what} received; tags deploy nothing`;
  if (name === site.branch)
    return `${what} received; deploying at each push is switched off for this site: croft deploy ${site.slug}`;
  return `${what} received, nothing deployed: this site deploys branch ${site.branch} (git push <remote> ${name}:${site.branch})`;
};

const deadline = (ms: number): Promise<never> =>
  new Promise((_, reject) => setTimeout(() => reject(new Error("the check took too long")), ms).unref());

/** Decides on a push before any ref moves. @returns 0 to accept, 1 to refuse */
const beforeReceive = async (
  deps: PushDeps,
  push: Push,
  updates: readonly RefUpdate[],
  say: (line: string) => void,
): Promise<number> => {
  if (updates.length > maxUpdates) {
    say(`Refused: one push may change at most ${maxUpdates.toLocaleString("en")} branches and tags.`);
    return 1;
  }
  const update = deployingUpdate(push.site, updates);
  if (update) {
    const check = deps.checkPush({ actor: push.actor, site: push.site, commit: update.after });
    const reason = await Promise.race([check, deadline(checkDeadlineMs)]);
    if (reason !== null) {
      say(`Refused: ${plainLine(reason)}`);
      return 1;
    }
  }
  push.accepted = true;
  return 0;
};

const afterReceive = async (
  deps: PushDeps,
  push: Push,
  updates: readonly RefUpdate[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<number> => {
  const { site, actor } = push;
  for (const update of updates) {
    const text = remark(site, update);
    if (text && update !== deployingUpdate(site, updates)) say(plainLine(text));
  }
  const update = deployingUpdate(site, updates);
  if (!update) {
    push.settle();
    return 0;
  }
  const { siteId, environmentId, branch } = site;
  const commit = update.after;
  const started = await deps.startDeployment({ actor, siteId, environmentId, branch, commit });
  push.settle();
  say(`Deploying ${plainLine(branch)} (${commit.slice(0, 10)}) to ${site.slug}, ${started.deploymentId}`);
  const end = await started.follow((line) => say(plainLine(line)), signal);
  say("");
  say(`${end.ok ? "Live" : end.heldUp ? "Not live yet" : "Deploy failed"}: ${plainLine(end.message)}`);
  return end.ok ? 0 : 1;
};

/**
 * Answers a hook of a push: `say` prints a line at the pusher's, the result is the hook's exit code. Never throws:
 * what goes wrong is told to the pusher, in public words.
 */
export const answerHook = async (
  deps: PushDeps,
  push: Push,
  request: Pick<HookRequest, "hook" | "updates">,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<number> => {
  const before = request.hook === "pre-receive";
  try {
    return before
      ? await beforeReceive(deps, push, request.updates, say)
      : await afterReceive(deps, push, request.updates, say, signal);
  } catch (error) {
    // A pusher who left ends the following, not the deployment.
    if (!signal.aborted) {
      deps.log.error("a push was not answered as it should be", {
        hook: request.hook,
        site: push.site.slug,
        error,
      });
      say(`${before ? "Refused" : "Not deployed"}: ${plainLine(publicMessageOf(error))}`);
    }
    return 1;
  } finally {
    if (!before) push.settle();
  }
};
