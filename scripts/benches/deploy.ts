import type { DeploymentView } from "../../src/domain/views.ts";
import { loadApp } from "../../src/testing/load/load.ts";
import { type TestCroft, uniqueSlug, until } from "../../src/testing/e2e/croft.ts";
import { createByHand, soon } from "./by-hand.ts";
import { withCleanUp } from "./clean-ups.ts";
import { withCroft } from "./install.ts";
import { median, type Row, row } from "./row.ts";

/**
 * From a push that was accepted to the first answer of the new release, and from a rollback asked for to the
 * first answer of the earlier one, beside Docker's own commands on the same sources. Runs alternate; every build
 * gets a source that neither has seen.
 */
export const deployBench = async (rounds = 7): Promise<Row[]> =>
  withCroft({}, async (croft) => {
    const slug = uniqueSlug("speed");
    await croft.createSite(slug);
    await croft.api("PUT", `/sites/${slug}/limits`, { requestsPerMinute: 10_000_000 });
    const byHand = createByHand();
    return withCleanUp(byHand.cleanUp, async () => {
      await push(croft, slug, "warm");
      await byHand.build(loadApp("warm-by-hand"));
      await byHand.run();
      const overheads: number[] = [];
      const totals: number[] = [];
      const hands: number[] = [];
      const rollbacks: number[] = [];
      const starts: number[] = [];
      for (let n = 0; n < rounds; n++) {
        const measured = [
          async () => totals.push((await push(croft, slug, `r${n}`)).liveMs),
          async () => {
            const buildMs = await byHand.build(loadApp(`h${n}`));
            const startMs = await byHand.run();
            hands.push(buildMs + startMs);
            starts.push(startMs);
          },
        ];
        for (const measure of n % 2 === 0 ? measured : measured.reverse()) await measure();
        overheads.push(totals.at(-1)! - (hands.at(-1)! - starts.at(-1)!));
        rollbacks.push(await rollback(croft, slug, n === 0 ? "warm" : `r${n - 1}`));
      }
      const builds = hands.map((ms, at) => ms - starts[at]!);
      const each = overheads.map((ms) => Math.round(ms)).join(", ");
      return [
        row("deploy/overhead", {
          value: median(overheads),
          unit: "ms",
          peer: "the bar",
          peerValue: 2000,
          note: `push accepted to first answer ${Math.round(median(totals))} ms less docker build ${Math.round(median(builds))} ms; median of ${each}`,
        }),
        row("deploy/push-to-live", {
          value: median(totals),
          unit: "ms",
          peer: "docker build and docker run by hand",
          peerValue: median(hands),
          note: `median of ${rounds}; Croft probes, switches without a gap and keeps limits on top`,
        }),
        row("deploy/rollback", {
          value: median(rollbacks),
          unit: "ms",
          peer: "docker run of a present image",
          peerValue: median(starts),
          note: `to the first answer, median of ${rounds}`,
        }),
      ];
    });
  });

const serves = (croft: TestCroft, slug: string, release: string) =>
  soon(`${release} serves`, async () =>
    (await croft.visit(`${slug}.localhost`)).body.startsWith(`${release} `),
  );

/** @returns ms from the time the push was accepted, which is when its deployment was written down */
const push = async (croft: TestCroft, slug: string, release: string): Promise<{ liveMs: number }> => {
  const pushed = croft.push(slug, loadApp(release));
  await serves(croft, slug, release);
  const liveAtMs = Date.now();
  const { output } = await pushed;
  const deployment = await croft.lastDeployment(slug);
  if (deployment.status !== "success") throw new Error(`${release} was not deployed: ${output}`);
  if (process.env.CROFT_BENCH_STEPS) console.error(stepsOf(deployment));
  return { liveMs: liveAtMs - Date.parse(deployment.createdAt) };
};

const rollback = async (croft: TestCroft, slug: string, release: string): Promise<number> => {
  const startedMs = performance.now();
  await croft.api("POST", `/sites/${slug}/rollback`, {});
  await serves(croft, slug, release);
  const tookMs = performance.now() - startedMs;
  await until(
    "the rollback is through",
    () => croft.lastDeployment(slug),
    ({ status }) => status === "success",
  );
  return tookMs;
};

const stepsOf = ({ createdAt, steps }: DeploymentView): string =>
  steps
    .map(
      ({ name, startedAt, endedAt }) =>
        `${name} +${Date.parse(startedAt) - Date.parse(createdAt)}: ${Date.parse(endedAt!) - Date.parse(startedAt)}`,
    )
    .join("  ");

if (import.meta.main) console.log(JSON.stringify(await deployBench(), null, 2));
