import { createHmac } from "node:crypto";
import { join } from "node:path";
import { Hono } from "hono";
import { createStore, type Store } from "../db/store.ts";
import { createHook, type HookDeps, listDeliveries } from "../deploy/hooks.ts";
import { createWebhooks, type WebhookDeps } from "../deploy/webhook.ts";
import { systemActor } from "../domain/actor.ts";
import { silentLog } from "../domain/log.ts";
import type { HookDeliveryView } from "../domain/views.ts";
import { AppError } from "../errors.ts";
import { errorHandler } from "../http/error-response.ts";
import { githubHook } from "../http/hooks/github.ts";
import type { AppEnv } from "../http/request-env.ts";
import { openMasterKey } from "../identity/master-key.ts";
import { createSecretBox, type SecretBox } from "../identity/secret-box.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";
import { type TemporaryDatabase, temporaryDatabase } from "./temporary-database.ts";

export const operator = systemActor("test");
export const commits = ["0a", "1b", "2c", "3d"].map((two) => two.repeat(20)) as [
  string,
  string,
  string,
  string,
];

/** What to send; null leaves a header out, and what is not said is as GitHub would have it. */
export interface Sent {
  body?: unknown;
  raw?: string;
  secret?: string;
  signature?: string | null;
  event?: string | null;
  delivery?: string | null;
  type?: string;
  hookId?: string;
}

export interface HookFixture extends AsyncDisposable {
  database: TemporaryDatabase;
  store: Store;
  clock: FakeClock;
  app: Hono<AppEnv>;
  hooks: HookDeps;
  secretBox: SecretBox;
  /** A hook of site `shop`; site `blog` has none and no repository address. */
  hook: { id: string; secret: string };
  enqueued: { branch: string; commit: string }[];
  /** Stands in for the queue; a test may replace it. */
  enqueue: WebhookDeps["enqueue"];
  deliver(sent?: Sent): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Deliveries to the hook, as people see them. */
  listed(): Promise<HookDeliveryView[]>;
}

export const pushEvent = (more: Record<string, unknown> = {}) => ({
  ref: "refs/heads/main",
  before: commits[0],
  after: commits[1],
  deleted: false,
  repository: {
    full_name: "ada/shop",
    clone_url: "https://github.com/ada/shop.git",
    pushed_at: 1_767_000_000,
  },
  ...more,
});

export const sign = (algorithm: "sha256" | "sha1", secret: string, body: string): string =>
  `${algorithm}=${createHmac(algorithm, secret).update(body).digest("hex")}`;

const addSite = ({ raw }: TemporaryDatabase, slug: string, repositoryUrl: string | null) => {
  raw
    .query(
      `INSERT INTO sites (id, slug, name, owner_user_id, type, repository_url, created_at, updated_at)
       VALUES (?, ?, ?, 'usr_1', 'auto', ?, 0, 0)`,
    )
    .run(`site_${slug}`, slug, slug, repositoryUrl);
  raw
    .query(
      `INSERT INTO environments (id, site_id, name, branch, health_check, memory_bytes, cpu_millicores, pids, disk_bytes,
         bandwidth_bytes_per_month, requests_per_minute, concurrent_requests, max_body_bytes, created_at)
       VALUES (?, ?, 'production', 'main', '{}', 1, 1, 1, 1, 1, 1, 1, 1, 0)`,
    )
    .run(`env_${slug}`, `site_${slug}`);
};

/** Hooks over HTTP on a real database with real sealed secrets; only the queue behind them is a stand-in. */
export const hookFixture = async (): Promise<HookFixture> => {
  const database = await temporaryDatabase();
  const store = createStore(database.db);
  const clock = fakeClock();
  const secretBox = createSecretBox(await openMasterKey(join(database.dir, "master.key"), { create: true }));
  database.raw.run(
    "INSERT INTO users (id, username, email, password_hash, created_at, updated_at) VALUES ('usr_1', 'ada', 'a@b', '', 0, 0)",
  );
  addSite(database, "shop", "https://github.com/Ada/Shop.git");
  addSite(database, "blog", null);
  const hooks: HookDeps = {
    store,
    clock,
    secretBox,
    publicUrl: "https://croft.example.org",
    reachSite: async (_actor, slug) => {
      const site = await store.siteBySlug(slug);
      if (!site) throw new AppError("not_found", `site ${slug} was not found`);
      return { site, environment: (await store.environmentByName(site.id, "production"))! };
    },
  };
  const webhooks = createWebhooks({
    store,
    clock,
    openSecret: secretBox.open,
    enqueue: (target, source) => fixture.enqueue(target, source),
  });
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(silentLog));
  app.route("/hooks", githubHook(webhooks));
  const made = await createHook(hooks, operator, "shop", { provider: "github" });
  const hook = { id: made.id, secret: made.secret! };
  let deliveries = 0;
  const fixture: HookFixture = {
    ...{ database, store, clock, app, hooks, secretBox, hook, enqueued: [] },
    enqueue: async (_target, source) => {
      fixture.enqueued.push(source);
      return { deploymentId: `dep_${fixture.enqueued.length}` };
    },
    deliver: async (sent = {}) => {
      const raw = sent.raw ?? JSON.stringify(sent.body ?? pushEvent());
      const headers = new Headers({ "content-type": sent.type ?? "application/json" });
      const set = (name: string, value: string | null | undefined, usual: string) => {
        if (value !== null) headers.set(name, value ?? usual);
      };
      set("x-hub-signature-256", sent.signature, sign("sha256", sent.secret ?? hook.secret, raw));
      set("x-github-event", sent.event, "push");
      set("x-github-delivery", sent.delivery, `delivery-${++deliveries}`);
      const answer = await app.request(
        `/hooks/github/${sent.hookId ?? hook.id}`,
        { method: "POST", headers, body: raw },
        { peerIp: "192.0.2.7", viaEdge: false },
      );
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    },
    listed: () => listDeliveries(hooks, operator, "shop", hook.id),
    [Symbol.asyncDispose]: () => database.close(),
  };
  return fixture;
};
