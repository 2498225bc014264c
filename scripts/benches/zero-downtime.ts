import { loadApp, startLoad } from "../../src/testing/load/load.ts";
import { uniqueSlug } from "../../src/testing/e2e/croft.ts";
import { withCroft } from "./install.ts";
import { type Row, row } from "./row.ts";

/** Redeploys in a row of a site that is visited all the time; what does not get its answer counts. */
export const zeroDowntimeBench = async (redeploys = 20, wantedRequests = 50_000): Promise<Row[]> =>
  withCroft({}, async (croft) => {
    const slug = uniqueSlug("drop");
    await croft.createSite(slug);
    await croft.api("PUT", `/sites/${slug}/limits`, { requestsPerMinute: 10_000_000, cpuMillicores: 1000 });
    const deploy = async (release: string): Promise<void> => {
      const { output } = await croft.push(slug, loadApp(release));
      const { status } = await croft.lastDeployment(slug);
      if (status !== "success") throw new Error(`${release} was not deployed: ${output}`);
    };
    await deploy("r0");
    const load = startLoad({
      port: croft.edgePort,
      host: `${slug}.localhost`,
      workersPerKind: 2,
      pauseMs: 2,
    });
    const startedMs = performance.now();
    try {
      for (let n = 1; n <= redeploys; n++) await deploy(`r${n}`);
      while (load.report.requests < wantedRequests) await Bun.sleep(100);
    } finally {
      await load.stop();
    }
    const { requests, failed, failures, releases, byKind } = load.report;
    const seconds = Math.round((performance.now() - startedMs) / 1000);
    const kinds = Object.entries(byKind).map(([kind, count]) => `${count} ${kind}`);
    return [
      row("deploy/zero-downtime", {
        value: failed,
        unit: "failed requests",
        peer: "the bar: none",
        peerValue: 0,
        note:
          `of ${requests} in ${seconds} s (${kinds.join("; ")}), ${releases.length - 1} redeploys seen` +
          (failed > 0 ? `; ${failures.slice(0, 3).join("; ")}` : ""),
      }),
    ];
  });

if (import.meta.main) console.log(JSON.stringify(await zeroDowntimeBench(), null, 2));
