import { expect, setDefaultTimeout, test } from "bun:test";
import { startCroft, uniqueSlug, until } from "./croft.ts";
import { ownDocker, webCommand, webImage } from "./own-docker.ts";

const soak = process.env.CROFT_SOAK === "1";
const count = soak ? 100 : 10;
setDefaultTimeout(soak ? 1_200_000 : 300_000);

test(`${count} sites are back within a minute of Docker's start, the important ones first`, async () => {
  await using own = await ownDocker();
  // Room for a hundred networks.
  const croft = await startCroft({
    DOCKER_HOST: own.host,
    CROFT_NETWORK_POOL: `10.${200 + (process.pid % 50)}.0.0/20`,
  });
  const slugs = Array.from({ length: count }, (_, n) => uniqueSlug(`back-${n}`));
  const [unimportant, important] = [slugs[0]!, slugs.at(-1)!];
  try {
    for (const slug of slugs) {
      await croft.createSite(slug, {
        type: "image",
        image: webImage,
        port: 8080,
        startCommand: webCommand(slug),
        ...(slug === important && { restorePriority: 100 }),
        ...(slug === unimportant && { restorePriority: 0 }),
      });
      await croft.api("POST", `/sites/${slug}/deployments`, {});
    }
    const answers = async (): Promise<number> => {
      const all = await Promise.all(
        slugs.map((slug) =>
          croft.visit(`${slug}.localhost`).then(
            ({ body }) => body.trim() === slug,
            () => false,
          ),
        ),
      );
      return all.filter(Boolean).length;
    };
    await until("all are live", answers, (live) => live === count, soak ? 600_000 : 150_000);
    const { restorePriority } = await croft.site(important);
    expect(restorePriority).toBe(100);

    await own.end("SIGKILL");
    await own.start();
    await until("all are back", answers, (live) => live === count, 60_000);

    const startedAt = async (slug: string): Promise<number> => {
      const id = await own.docker("ps", "-q", "--filter", `label=croft.site=${slug}`);
      return Date.parse(await own.docker("inspect", "--format", "{{.State.StartedAt}}", id));
    };
    expect(await startedAt(important)).toBeLessThan(await startedAt(unimportant));
    const { body } = await croft.api<{ items: { kind: string; details: { restarted?: number } }[] }>(
      "GET",
      "/events",
    );
    // The first ones to end may have been seen while Docker still answered, and then look like any other end.
    const back = body.items.find(({ kind }) => kind === "engine.back");
    expect(back?.details.restarted).toBeGreaterThanOrEqual(count - 2);
    // For all others nothing of it is the apps' fault.
    const sites = await Promise.all(slugs.map((slug) => croft.site(slug)));
    expect(sites.filter(({ replicas }) => replicas[0]!.restarts > 0).length).toBeLessThanOrEqual(2);
  } finally {
    await croft.destroy();
  }
});
