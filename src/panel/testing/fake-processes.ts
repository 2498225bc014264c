import type { ProcessView } from "../../domain/process-view.ts";
import { MB } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { notFound } from "../../errors.ts";
import type { PanelDeps } from "../deps.ts";

const processesOf = (site: SiteView): ProcessView[] => {
  if (site.currentRelease?.imageDigest == null) return [];
  const { memoryBytes, cpuMillicores, pids } = site.limits.asked;
  const one = (name: string, change: Partial<ProcessView>): ProcessView => ({
    ...{ name, command: null, port: null, internal: true, state: "current", isSet: false },
    replicas: { wanted: 1, running: 1 },
    limits: { memoryBytes, cpuMillicores, pids },
    items: [],
    ...change,
  });
  const items = site.replicas.map((replica) => ({
    ...replica,
    ...{ release: site.currentRelease!.number, memoryBytes: 82 * MB, cpuPercent: 3.2 },
  }));
  const running = items.filter(({ state }) => state === "running").length;
  return [
    one("web", { port: 3000, internal: false, items, replicas: { wanted: items.length, running } }),
    one("worker", {
      command: "node worker.js",
      limits: { memoryBytes: 64 * MB, cpuMillicores: 250, pids },
      items: items.map((item) => ({ ...item, id: `${item.id}w`, process: "worker", memoryBytes: 31 * MB })),
    }),
    one("clock", {
      command: "node clock.js",
      state: "waiting",
      isSet: true,
      replicas: { wanted: 1, running: 0 },
    }),
  ];
};

/** Processes and links, made up; what is asked for is noted. */
export const fakeProcesses = (
  site: (slug: string) => SiteView,
  called: (verb: string, ...args: unknown[]) => void,
): PanelDeps["processes"] => ({
  list: async (_person, slug) => processesOf(site(slug)),
  scale: async (_person, slug, counts) => called("scale", slug, counts),
  set: async (_person, slug, name, settings) => called("setProcess", slug, name, settings),
  remove: async (_person, slug, name) => called("removeProcess", slug, name),
  connections: async (_person, slug) => ({
    internal: site(slug).internal,
    links: [
      {
        ...{ name: "db", to: "archive", environment: "production", port: 5432 },
        variables: ["DB_HOST", "DB_PORT", "DB_URL"],
        createdAt: "2026-11-01T10:00:00.000Z",
      },
    ],
    linkedFrom: [{ site: "choir", environment: "production", name: "api" }],
  }),
  link: async (_person, slug, input) => {
    if (input.to === "nobody") throw notFound("site nobody");
    called("link", slug, input);
  },
  unlink: async (_person, slug, name) => called("unlink", slug, name),
});
