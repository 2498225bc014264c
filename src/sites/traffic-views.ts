import { isoOf, isoOrNull } from "../domain/deployment-view.ts";
import { type BandwidthPolicy, readEdgeRules } from "../domain/edge-rules.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import { type BandwidthView, type Shares, sharesInForce } from "../domain/traffic.ts";
import type { SiteView } from "../domain/views.ts";
import type { SiteDeps } from "./deps.ts";
import { awake, sleepView } from "./sleep-view.ts";

type TrafficView = Pick<SiteView, "bandwidth" | "pause" | "split" | "sleep">;

const states: Record<BandwidthPolicy, BandwidthView["state"]> = {
  throttle: "throttled",
  block: "blocked",
  warn: "warn",
};

/** What is out of the ordinary about the traffic of some environments, by environment; a few small queries. */
export const trafficViews = async (
  { store, clock }: Pick<SiteDeps, "store" | "clock">,
  environments: readonly EnvironmentRecord[],
): Promise<(environmentId: string) => TrafficView> => {
  const ids = environments.map(({ id }) => id);
  const nowMs = clock.nowMs();
  const views = new Map<string, TrafficView>();
  const viewOf = (id: string): TrafficView => {
    let view = views.get(id);
    if (view === undefined)
      views.set(
        id,
        (view = { bandwidth: { state: "ok", since: null }, pause: null, split: null, sleep: awake }),
      );
    return view;
  };
  for (const { environmentId, pausedAt, resumesAt, maxWaitMs } of await store.pausesOf(ids))
    if (resumesAt > nowMs)
      viewOf(environmentId).pause = {
        since: isoOf(pausedAt),
        resumesAt: isoOf(resumesAt),
        maxSeconds: maxWaitMs / 1000,
      };
  for (const { environmentId, since } of await store.bandwidthUsedUpOf(ids)) {
    const { bandwidthPolicy } = readEdgeRules((await store.edgeRulesOf(environmentId))?.rules);
    viewOf(environmentId).bandwidth = { state: states[bandwidthPolicy], since: isoOrNull(since) };
  }
  const sleeps = new Map((await store.sleepsOf(ids)).map((row) => [row.environmentId, row]));
  for (const { id, currentReleaseId } of environments)
    if (sleeps.has(id)) viewOf(id).sleep = sleepView(sleeps.get(id), currentReleaseId);
  const splits = new Map((await store.trafficSplitsOf(ids)).map((row) => [row.environmentId, row.shares]));
  for (const { id, currentReleaseId } of environments) {
    const shares = sharesInForce(splits.get(id), currentReleaseId);
    if (shares.length > 0) viewOf(id).split = await splitView(store, shares);
  }
  return viewOf;
};

/** Releases by number. */
export const splitView = async (
  store: Pick<SiteDeps["store"], "releasesByIds">,
  shares: Shares,
): Promise<NonNullable<SiteView["split"]>> => {
  const numbers = new Map(
    (await store.releasesByIds(shares.map(({ releaseId }) => releaseId))).map((one) => [one.id, one.number]),
  );
  return {
    releases: shares.flatMap(({ releaseId, weight }) => {
      const release = numbers.get(releaseId);
      return release === undefined ? [] : [{ release, weight }];
    }),
  };
};
