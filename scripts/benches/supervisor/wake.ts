import type { SiteView } from "../../../src/domain/views.ts";
import { docker, type TestCroft, uniqueSlug, until } from "../../../src/testing/e2e/croft.ts";
import { withCleanUp } from "../clean-ups.ts";
import { withCroft } from "../install.ts";
import { median, type Row, row, timed } from "../row.ts";

const image = "node:22-bookworm-slim";
const code = 'require("node:http").createServer((q, s) => s.end("awake")).listen(process.env.PORT)';
const rounds = 15;
/** The table that a wake changes is that of a host with many sites. */
const otherSites = 100;
/** With the intervals that an installation has by itself, and room for so many networks. */
const installation = {
  CROFT_NETWORK_POOL: "10.97.0.0/20",
  CROFT_SAMPLE_SECONDS: "30",
  CROFT_DISK_SECONDS: "30",
};

const engine = (path: string): Promise<Response> =>
  fetch(`http://docker${path}`, { unix: "/var/run/docker.sock", method: "POST" });

/** The moment the first byte of a good answer is there. */
const firstAnswer = async (ask: () => Promise<Response>): Promise<void> => {
  for (;;) {
    const good = await ask().then(
      async (response) => (await response.text()) === "awake",
      () => false,
    );
    if (good) return;
    await Bun.sleep(1);
  }
};

/** A plain container of the same image, command and limits, past Croft. */
const peerContainer = async (): Promise<{ name: string; address(): Promise<string> }> => {
  const name = uniqueSlug("bench-peer");
  const limits = ["--memory", "512m", "--memory-swap", "512m", "--cpus", "1", "--pids-limit", "256"];
  await docker("run", "--detach", "--name", name, "--env", "PORT=3000", ...limits, image, "node", "-e", code);
  return {
    name,
    address: () =>
      docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name),
  };
};

const asleep = async (croft: TestCroft, slug: string, how: string): Promise<void> => {
  await until(
    `${slug} sleeps`,
    () => croft.api<SiteView>("POST", `/sites/${slug}/sleep`, { how }),
    ({ status }) => status === 200,
  );
};

const figures = async (
  croft: TestCroft,
  slug: string,
  how: "freeze" | "stop",
): Promise<{ own: number[]; peer: number[] }> => {
  const { name, address } = await peerContainer();
  return withCleanUp(
    async () => void (await docker("rm", "--force", name)),
    async () => {
      const own: number[] = [];
      const peer: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await asleep(croft, slug, how);
        const visit = () =>
          fetch(`http://127.0.0.1:${croft.edgePort}/`, {
            headers: { host: `${slug}.localhost` },
            keepalive: false,
          });
        await Bun.sleep(200);
        own.push(await timed(() => firstAnswer(visit)));
        await engine(`/containers/${name}/${how === "freeze" ? "pause" : "stop?t=0"}`);
        await Bun.sleep(200);
        let at = how === "freeze" ? await address() : "";
        peer.push(
          await timed(async () => {
            await engine(`/containers/${name}/${how === "freeze" ? "unpause" : "start"}`);
            // Docker gives addresses anew.
            if (at === "") at = await address();
            await firstAnswer(() => fetch(`http://${at}:3000/`, { keepalive: false }));
          }),
        );
      }
      return { own, peer };
    },
  );
};

const spread = (values: number[]): string =>
  `${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))} ms`;

/** From a visitor's request to the first byte, beside Docker alone doing the same to the same container. */
export const wakeBench = async (): Promise<Row[]> =>
  withCroft(installation, async (croft) => {
    const slug = uniqueSlug("wake");
    await croft.createSite(slug, { type: "image", image, port: 3000, startCommand: `node -e '${code}'` });
    await croft.api("PUT", `/sites/${slug}/limits`, {
      memoryBytes: 512 * 1024 ** 2,
      cpuMillicores: 1000,
      requestsPerMinute: 1_000_000,
    });
    await croft.api("POST", `/sites/${slug}/deployments`, {});
    await until(
      "the site answers",
      () => croft.visit(`${slug}.localhost`).then(({ body }) => body, String),
      (body) => body === "awake",
      120_000,
    );
    for (let n = 0; n < otherSites; n++) await croft.createSite(uniqueSlug(`o${n}`));
    const frozen = await figures(croft, slug, "freeze");
    const stopped = await figures(croft, slug, "stop");
    const notes = `median of ${rounds} pairs in turn, ${otherSites + 1} sites`;
    return [
      row("supervisor/wake-frozen", {
        value: median(frozen.own),
        unit: "ms",
        peer: "docker unpause + first answer",
        peerValue: median(frozen.peer),
        note: `${notes}; ${spread(frozen.own)}, Docker alone ${spread(frozen.peer)}; the bar is 60 ms`,
      }),
      row("supervisor/wake-stopped", {
        value: median(stopped.own),
        unit: "ms",
        peer: "docker start + first answer",
        peerValue: median(stopped.peer),
        note: `${notes}; ${spread(stopped.own)}, Docker alone ${spread(stopped.peer)}; the bar is 1.5 times`,
      }),
    ];
  });

if (import.meta.main) console.log(JSON.stringify(await wakeBench(), null, 2));
