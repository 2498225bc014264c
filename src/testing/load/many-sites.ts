import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SiteView } from "../../domain/views.ts";
import { docker, type TestCroft, uniqueSlug, until } from "../e2e/croft.ts";

const nodeImage = "node:22-bookworm-slim";
/** Says whose it is. */
const startCommand = `node -e 'require("node:http").createServer((q, s) => s.end(process.env.CROFT_SITE)).listen(process.env.PORT)'`;
const staticEvery = 5;
const atOnce = 4;

export interface ManySites {
  slugs: string[];
  containers: number;
  /** From the first creation until all serve. */
  createdMs: number;
  /** From the installation's idle time until no container runs unfrozen. */
  asleepMs: number;
  /** Of those that were to sleep. */
  leftUnfrozen: number;
  /** One visit each while all sleep; the time until the first byte of those that answered as they should. */
  answers: { status: number; right: boolean; ms: number; slept: boolean }[];
}

const inTurn = async <T>(
  items: readonly T[],
  workers: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
};

const answer = async (croft: TestCroft, slug: string): Promise<{ status: number; body: string }> =>
  croft.visit(`${slug}.localhost`).catch(() => ({ status: 0, body: "" }));

const statesOf = async (slugs: readonly string[]): Promise<Map<string, string>> => {
  const lines = await docker(
    "ps",
    "-a",
    "--filter",
    "label=croft.role=site",
    "--format",
    '{{.Label "croft.site"}} {{.State}}',
  );
  const wanted = new Set(slugs);
  return new Map(
    lines
      .split("\n")
      .map((line) => line.split(" ") as [string, string])
      .filter(([slug]) => wanted.has(slug)),
  );
};

/**
 * So many sites on one installation, each fifth of them static, the others Node of one image: created, served, put to
 * sleep by their idle time, visited.
 */
export const runManySites = async (
  croft: TestCroft,
  count: number,
  tell = (_: string): void => {},
): Promise<ManySites> => {
  const slugs = Array.from({ length: count }, (_, n) => uniqueSlug(`s${n}`));
  const statics = new Set(slugs.filter((_, n) => n % staticEvery === staticEvery - 1));
  const apps = slugs.filter((slug) => !statics.has(slug));
  const folder = await mkdtemp("/var/tmp/croft-pages-");
  const startedMs = performance.now();
  let done = 0;
  try {
    await inTurn(slugs, atOnce, async (slug) => {
      if (statics.has(slug)) {
        await Bun.write(join(folder, slug, "index.html"), slug);
        await croft.createSite(slug, { type: "static" });
        const { exitCode, stderr } = await croft.cli(["deploy", slug, "--dir", join(folder, slug), "--wait"]);
        if (exitCode !== 0) throw new Error(`${slug}: ${stderr}`);
      } else {
        await croft.createSite(slug, { type: "image", image: nodeImage, port: 3000, startCommand });
        await croft.api("POST", `/sites/${slug}/deployments`, {});
      }
      await until(
        `${slug} answers`,
        () => answer(croft, slug),
        ({ body }) => body === slug,
        300_000,
        100,
      );
      if (++done % 20 === 0) tell(`${done} of ${count} sites serve`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const createdMs = performance.now() - startedMs;
  await until(
    "all deployments are through",
    async () => (await croft.api<{ items: SiteView[] }>("GET", "/sites")).body.items,
    (items) =>
      items.filter(({ slug, status }) => slugs.includes(slug) && status === "running").length === count,
    120_000,
    500,
  );
  const idleMs = performance.now();
  // From here on no visits; nothing but the idle time puts them to sleep.
  await croft.api("PATCH", "/host/sleep", { freezeAfterMinutes: 0.05, stopAfterMinutes: 0 });
  const unfrozen = async (): Promise<number> =>
    [...(await statesOf(apps))].filter(([, state]) => state !== "paused").length;
  await until("all are frozen", unfrozen, (left) => left === 0, 120_000, 250).catch(() => {});
  const asleepMs = performance.now() - idleMs;
  const leftUnfrozen = await unfrozen();
  tell(`${apps.length - leftUnfrozen} of ${apps.length} apps are frozen`);
  // Who is woken is not to fall asleep again meanwhile.
  await croft.api("PATCH", "/host/sleep", { freezeAfterMinutes: 0 });
  const answers: ManySites["answers"] = [];
  for (const slug of slugs) {
    const visitMs = performance.now();
    const { status, body } = await answer(croft, slug);
    answers.push({
      status,
      right: body === slug,
      ms: performance.now() - visitMs,
      slept: !statics.has(slug),
    });
  }
  return { slugs, containers: apps.length, createdMs, asleepMs, leftUnfrozen, answers };
};
