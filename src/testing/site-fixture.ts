import { join } from "node:path";
import { createStore, type Store } from "../db/store.ts";
import type { Actor } from "../domain/actor.ts";
import { nextTime } from "../jobs/next-time.ts";
import { openMasterKey } from "../identity/master-key.ts";
import { createSecretBox } from "../identity/secret-box.ts";
import type { SiteDeps } from "../sites/deps.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";
import { seedSite } from "./seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "./temporary-database.ts";

export interface SiteFixture extends AsyncDisposable {
  database: TemporaryDatabase;
  store: Store;
  clock: FakeClock;
  deps: SiteDeps;
  /** Owns the site `slug`. */
  owner: Extract<Actor, { kind: "user" }>;
  slug: string;
  siteId: string;
  environmentId: string;
}

const nothing = async (): Promise<void> => {};
/** Of a machine where volumes are folders. */
const folderVolumes: SiteDeps["hardVolumes"] = {
  ability: async () => ({ kind: "folder", detail: "as tests want it" }),
  create: () => Promise.reject(new Error("volumes are folders here")),
  ensureMounted: nothing,
  grow: async () => false,
  space: async () => null,
  tidy: nothing,
  remove: nothing,
};

/** The verbs of sites on a real database with real sealed secrets; nobody is told of changes. */
export const siteFixture = async (change: Partial<SiteDeps> = {}): Promise<SiteFixture> => {
  const database = await temporaryDatabase();
  const store = createStore(database.db);
  const clock = fakeClock();
  const secretBox = createSecretBox(await openMasterKey(join(database.dir, "master.key"), { create: true }));
  const { site, environment } = await seedSite(store);
  const silent = async (): Promise<void> => {};
  const deps: SiteDeps = {
    store,
    clock,
    secretBox,
    networkSlots: 16,
    hardVolumes: folderVolumes,
    layerQuota: () => false,
    urlOf: (slug) => `http://${slug}.localhost`,
    urlOfHost: (host) => `http://${host}`,
    defaultBranch: async () => null,
    publicUrl: "http://croft.localhost",
    panelDomain: "croft.localhost",
    onChange: { limits: silent, environment: silent, deleted: () => {}, volumeRemoved: silent },
    sleep: {
      putToSleep: async () => null,
      wake: async () => true,
      keptAwake: async () => null,
      lastActiveAt: () => null,
      nextTime,
    },
    ...change,
  };
  const owner = {
    kind: "user",
    userId: site.ownerUserId!,
    username: "ada",
    isAdmin: false,
    via: "key",
    ip: null,
    userAgent: null,
  } as const;
  return {
    ...{ database, store, clock, deps, owner },
    slug: site.slug,
    siteId: site.id,
    environmentId: environment.id,
    [Symbol.asyncDispose]: () => database.close(),
  };
};
