import type { SiteStatus } from "../domain/site.ts";
import type { FleetRow } from "./deps.ts";
import { wholeLimits } from "./whole-limits.ts";

export const fleetSorts = ["state", "name", "deploy", "memory", "cpu", "disk", "requests"] as const;
export type FleetSort = (typeof fleetSorts)[number];

export interface FleetQuery {
  q: string;
  state: SiteStatus | null;
  sort: FleetSort;
  descending: boolean;
  /** Slug of the last row of the page before. */
  after: string | null;
}

const rank: Record<SiteStatus, number> = {
  failed: 0,
  deploying: 2,
  running: 3,
  sleeping: 4,
  stopped: 5,
  archived: 6,
};

const share = (used: number | null | undefined, limit: number): number => (used ?? -1) / limit;

const value = (row: FleetRow, sort: FleetSort): number | string => {
  const { asked } = row.site.limits;
  switch (sort) {
    case "state":
      // Stopped for a reason (disk full, nothing deployed yet) waits for a person; stopped by one does not.
      return row.site.status === "stopped" && row.site.statusReason ? 1 : rank[row.site.status];
    case "name":
      return row.site.slug;
    case "deploy":
      return row.site.latestDeployment ? Date.parse(row.site.latestDeployment.createdAt) : 0;
    case "memory":
      return share(row.usage?.last?.memoryBytes.avg, wholeLimits(row.site).memoryBytes);
    case "cpu":
      return share(row.usage?.last?.cpuPercent.avg, wholeLimits(row.site).cpuMillicores / 10);
    case "disk":
      return share(row.usage?.last?.diskBytes ?? row.site.diskUsedBytes, asked.diskBytes);
    case "requests":
      return row.usage?.requestsLastHour ?? -1;
  }
};

const matches = (row: FleetRow, word: string): boolean => {
  const { site } = row;
  const commit = site.latestDeployment?.commit;
  return (
    [
      site.slug,
      site.name,
      site.owner,
      site.repositoryUrl,
      site.image,
      ...site.urls,
      commit?.message,
      commit?.author,
    ].some((text) => text?.toLowerCase().includes(word)) ||
    (commit?.hash.startsWith(word) ?? false)
  );
};

export interface FleetPage {
  rows: FleetRow[];
  /** How many match, on all pages. */
  matching: number;
  /** For `after`; null on the last page. */
  next: string | null;
}

/** Filters, sorts and cuts a page; equal rows by name. */
export const fleetPage = (rows: readonly FleetRow[], query: FleetQuery, size: number): FleetPage => {
  const words = query.q.toLowerCase().split(/\s+/).filter(Boolean);
  const turn = query.descending ? -1 : 1;
  const found = rows
    .filter((row) => query.state === null || row.site.status === query.state)
    .filter((row) => words.every((word) => matches(row, word)))
    .sort((a, b) => {
      const [left, right] = [value(a, query.sort), value(b, query.sort)];
      if (left !== right) return (left < right ? -1 : 1) * turn;
      return a.site.slug < b.site.slug ? -1 : 1;
    });
  const start = query.after === null ? 0 : found.findIndex((row) => row.site.slug === query.after) + 1;
  const page = found.slice(start, start + size);
  return {
    rows: page,
    matching: found.length,
    next: start + size < found.length ? (page.at(-1)?.site.slug ?? null) : null,
  };
};

/** The address of the same list with some of its words changed. */
export const fleetHref = (query: FleetQuery, change: Partial<FleetQuery>): string => {
  const next = { ...query, after: null, ...change };
  const search = new URLSearchParams();
  if (next.q) search.set("q", next.q);
  if (next.state) search.set("state", next.state);
  if (next.sort !== "state") search.set("sort", next.sort);
  if (next.descending) search.set("dir", "desc");
  if (next.after) search.set("after", next.after);
  const text = search.toString();
  return text ? `/?${text}` : "/";
};
