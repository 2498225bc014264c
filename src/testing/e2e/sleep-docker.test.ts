import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { SiteView } from "../../domain/views.ts";
import { startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { ownDocker, type OwnDocker, webCommand, webImage } from "./own-docker.ts";

setDefaultTimeout(120_000);

// What becomes of sleepers when Docker ends and comes back.

let own: OwnDocker;
let croft: TestCroft;
const slugs = ["frozen", "stopped", "awake"].map(uniqueSlug) as [string, string, string];
const [frozen, stopped, awake] = slugs;

const serves = (slug: string) =>
  until(
    `${slug} answers`,
    () => croft.visit(`${slug}.localhost`).then(({ status, body }) => `${status} ${body.trim()}`, String),
    (answer) => answer === `200 ${slug}`,
    60_000,
  );
const sleep = (slug: string, how: string) =>
  until(
    `${slug} sleeps`,
    () => croft.api<SiteView>("POST", `/sites/${slug}/sleep`, { how }),
    ({ status }) => status === 200,
  );
const states = async (): Promise<string[]> =>
  Promise.all(slugs.map(async (slug) => (await croft.site(slug)).sleep.state));
const container = (slug: string): Promise<string> =>
  own.docker("ps", "-a", "--filter", `label=croft.site=${slug}`, "--format", "{{.State}}");

beforeAll(async () => {
  own = await ownDocker();
  croft = await startCroft({ DOCKER_HOST: own.host });
  for (const slug of slugs)
    await croft.createSite(slug, {
      type: "image",
      image: webImage,
      port: 8080,
      startCommand: webCommand(slug),
    });
  for (const slug of slugs) await serves(slug);
});
afterAll(async () => {
  await croft.destroy();
  await own[Symbol.asyncDispose]();
});

for (const signal of ["SIGTERM", "SIGKILL"] as const)
  test(`${signal} for Docker: who slept sleeps on, stopped, and wakes; who was awake comes back`, async () => {
    await sleep(frozen, "freeze");
    await sleep(stopped, "stop");
    await own.end(signal);
    await own.start();
    await until(
      "the frozen one is stopped by now",
      states,
      (now) => now.join() === "stopped,stopped,awake",
      60_000,
    );
    await serves(awake);
    expect(await container(frozen)).toBe("exited");
    expect(await container(stopped)).toBe("exited");
    expect((await croft.site(frozen)).sleep.reason).toContain("Docker");
    await serves(frozen);
    await serves(stopped);
    await until("all are awake", states, (now) => now.join() === "awake,awake,awake");
  });
