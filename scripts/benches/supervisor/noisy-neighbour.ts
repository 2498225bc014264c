import { join } from "node:path";
import type { GuardView } from "../../../src/domain/guard.ts";
import { busyboxImage } from "../../../src/testing/docker-fixture.ts";
import {
  answering,
  docker,
  nodeApp,
  type TestCroft,
  uniqueSlug,
  until,
} from "../../../src/testing/e2e/croft.ts";
import { type Attack, attackFrom, attacks } from "../../../src/testing/load/attacks.ts";
import { withCleanUp } from "../clean-ups.ts";
import { withCroft } from "../install.ts";
import { median, type Row, row } from "../row.ts";
import type { WindowReport } from "./window-client.ts";

const image = "bench-noisy:latest";
const requestsPerSecond = 300;

/** Whom the guard should find, by what. */
const told: Record<Attack, keyof GuardView["heaviest"]> = {
  "fork bomb": "cpu",
  "memory hog": "memory",
  "CPU burn": "cpu",
  "log flood": "cpu",
  "disk fill": "disk",
};

/**
 * A site that is visited at a steady rate, beside another one that does its worst: windows with and without it take
 * turns, so that what else the machine does falls on both. p99 of each window; their medians are compared.
 */
export const noisyNeighbourBench = async (pairs = 10, windowMs = 1800): Promise<Row[]> =>
  withCleanUp(
    async () => void (await docker("rmi", image)),
    () =>
      withCroft({ CROFT_GUARD: "on", CROFT_SAMPLE_SECONDS: "30", CROFT_DISK_SECONDS: "30" }, (croft) =>
        measure(croft, pairs, windowMs),
      ),
  );

const measure = async (croft: TestCroft, pairs: number, windowMs: number): Promise<Row[]> => {
  const [quiet, noisy] = [uniqueSlug("quiet"), uniqueSlug("noisy")];
  await croft.createSite(quiet);
  await croft.api("PUT", `/sites/${quiet}/limits`, { requestsPerMinute: 10_000_000 });
  const { output } = await croft.push(quiet, nodeApp(answering("hello")));
  await makeAttacker(croft, noisy);
  for (const slug of [quiet, noisy])
    await until(
      `${slug} serves`,
      () => croft.visit(`${slug}.localhost`),
      ({ status }) => status === 200,
      60_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${output}`);
    });
  const client = startClient(croft.edgePort, `${quiet}.localhost`);
  try {
    await Bun.sleep(3000);
    await client.window();
    const rows: Row[] = [];
    const asked = process.env.CROFT_BENCH_ATTACKS?.split(",");
    for (const attack of Object.keys(attacks) as Attack[])
      if (!asked || asked.includes(attack))
        rows.push(await measureAttack(croft, client, noisy, attack, pairs, windowMs));
    const worst = rows.toSorted((a, b) => b.value - b.peerValue - (a.value - a.peerValue))[0]!;
    return [
      { ...worst, name: "supervisor/noisy-neighbour", note: `the worst of ${rows.length}: ${worst.note}` },
      ...rows,
    ];
  } finally {
    client.end();
  }
};

const makeAttacker = async (croft: TestCroft, slug: string): Promise<void> => {
  // Names that begin with croft are not a tenant's to deploy.
  await docker("tag", await busyboxImage(), image);
  await croft.createSite(slug, {
    type: "image",
    image,
    startCommand: "echo hello > /tmp/index.html; exec httpd -f -p $PORT -h /tmp",
  });
  // Of the defaults only the disk limit stands in its way.
  await croft.api("PUT", `/sites/${slug}/limits`, { diskBytes: 20 * 1024 ** 3 });
  await croft.api("POST", `/sites/${slug}/deployments`, {});
};

const measureAttack = async (
  croft: TestCroft,
  client: Client,
  noisy: string,
  attack: Attack,
  pairs: number,
  windowMs: number,
): Promise<Row> => {
  const [quietMs, noisyMs]: [number[], number[]] = [[], []];
  let failed = 0;
  let named = 0;
  for (let n = 0; n < pairs; n++) {
    await client.window();
    await Bun.sleep(windowMs);
    quietMs.push((await client.window()).p99Ms);
    const attacked = await attackFrom(noisy, attack);
    try {
      await Bun.sleep(200);
      await client.window();
      await Bun.sleep(windowMs);
      const report = await client.window();
      noisyMs.push(report.p99Ms);
      failed += report.failed;
      const { heaviest, yields } = (await croft.api<GuardView>("GET", "/host/guard")).body;
      // Who has to let others go first is no longer the one that gets most.
      if (heaviest[told[attack]]?.site === noisy || (told[attack] === "cpu" && yields === noisy)) named++;
    } finally {
      await attacked.stop();
    }
    await Bun.sleep(200);
  }
  const each = (values: number[]) => values.map((value) => value.toFixed(1)).join(" ");
  return row(`supervisor/noisy-neighbour-${attack.toLowerCase().replace(" ", "-")}`, {
    value: median(noisyMs),
    unit: "ms (p99)",
    peer: "the windows without it",
    peerValue: median(quietMs),
    note:
      `${attack}: median p99 of ${pairs} windows at ${requestsPerSecond} requests/s each, ${(median(noisyMs) - median(quietMs)).toFixed(1)} ms more; ` +
      `with ${each(noisyMs)}; without ${each(quietMs)}; ${failed} failed; the guard named the right site in ${named} of ${pairs}`,
  });
};

interface Client {
  /** Ends the present window and begins another. */
  window(): Promise<WindowReport>;
  end(): void;
}

const startClient = (port: number, host: string): Client => {
  const child = Bun.spawn(
    [
      "setsid",
      process.execPath,
      join(import.meta.dir, "window-client.ts"),
      `${port}`,
      host,
      `${requestsPerSecond}`,
      "16",
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    window: async () => {
      child.stdin.write("\n");
      await child.stdin.flush();
      while (!text.includes("\n")) {
        const { value, done } = await lines.read();
        if (done) throw new Error("the visitors have gone");
        text += value;
      }
      const end = text.indexOf("\n");
      const report = JSON.parse(text.slice(0, end)) as WindowReport;
      text = text.slice(end + 1);
      return report;
    },
    end: () => void child.stdin.end(),
  };
};

if (import.meta.main)
  console.log(JSON.stringify(await noisyNeighbourBench(Number(process.argv[2] ?? 10)), null, 2));
