import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { DeploymentView, SiteView, SplitView } from "../../domain/views.ts";
import { exchangeRaw } from "../../edge/testing/raw-client.ts";
import { loadApp } from "../load/load.ts";
import { docker, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { keepVisiting } from "./visitors.ts";

setDefaultTimeout(120_000);

/** Pauses, apps that start anew, and visitors shared out among releases: on real containers. */

let croft: TestCroft;
const slug = uniqueSlug("flow");
const host = `${slug}.localhost`;

const deploy = async (release: string): Promise<void> => {
  const { exitCode, output } = await croft.push(slug, loadApp(release));
  expect(exitCode, output).toBe(0);
  expect((await croft.lastDeployment(slug)).status, output).toBe("success");
};
const releaseOf = (body: string): string => body.split(" ")[0]!;
const site = (): Promise<SiteView> => croft.site(slug);
const held = async (): Promise<number> => {
  const answer = await fetch("http://edge/held", { unix: `${croft.dataDir}/run/edge/edge.sock` });
  return Object.values((await answer.json()) as Record<string, number>).reduce((sum, n) => sum + n, 0);
};

beforeAll(async () => {
  croft = await startCroft({ CROFT_DRAIN_SECONDS: "2" });
  await croft.createSite(slug);
  await croft.api("PUT", `/sites/${slug}/limits`, {
    requestsPerMinute: 10_000_000,
    cpuMillicores: 1000,
    concurrentRequests: 20,
  });
  await deploy("r0");
});
afterAll(() => croft.destroy());

test("requests of a paused site wait through a deployment and a restart of the daemon, and none fails", async () => {
  const paused = await croft.cli(["site", "pause", slug, "--max-seconds", "60", "--json"]);
  expect(paused.exitCode, paused.stderr).toBe(0);
  expect((JSON.parse(paused.stdout) as SiteView).pause).toMatchObject({ maxSeconds: 60 });
  // More than it may serve at once: a pause is no reason to refuse anybody.
  const answers = Array.from({ length: 50 }, () => croft.visit(host));
  await until("they wait", held, (n) => n === 50);
  await deploy("r1");
  await croft.kill("SIGKILL");
  await croft.start();
  expect((await site()).pause).not.toBeNull();
  // Another build of the program has put another edge in place, whose former process ends what it has.
  const before = await held();
  expect([0, 50]).toContain(before);
  const late = croft.visit(host);
  await until("one more waits", held, (n) => n === before + 1);
  const resumed = await croft.cli(["site", "resume", slug]);
  expect(resumed.exitCode, resumed.stderr).toBe(0);
  for (const { status, body } of await Promise.all([...answers, late])) {
    expect(status).toBe(200);
    expect(releaseOf(body)).toBe("r1");
  }
  expect((await site()).pause).toBeNull();
  await until("nobody waits", held, (n) => n === 0);
});

test("who waits too long is told, and what is asked for is checked", async () => {
  await croft.api("POST", `/sites/${slug}/pause`, { maxSeconds: 1 });
  const { status, headers } = await croft.visit(host);
  expect(status).toBe(503);
  expect(headers.get("retry-after")).toBe("1");
  await croft.api("POST", `/sites/${slug}/resume`);
  expect((await croft.visit(host)).status).toBe(200);
  for (const maxSeconds of [0, 301, 1.5, "ten"])
    expect((await croft.api("POST", `/sites/${slug}/pause`, { maxSeconds })).status).toBe(422);
  expect((await croft.cli(["site", "pause", slug, "--max-seconds", "x"])).exitCode).toBe(2);
});

test("an app that ends is waited for while it starts anew", async () => {
  const container = await docker(
    "ps",
    "-q",
    "--filter",
    `label=croft.site=${slug}`,
    "--filter",
    "label=croft.role=site",
  );
  const visitors = keepVisiting(croft, host);
  await docker("kill", container);
  await until("it is up again", site, ({ replicas }) =>
    replicas.some((one) => one.restarts === 1 && one.state === "running"),
  );
  const { count, failures } = await visitors.stop();
  expect(count).toBeGreaterThan(5);
  // Only what the app was answering when it died can fail.
  expect(failures.filter((failure) => !failure.includes(" 502 ") && !failure.includes("socket"))).toEqual([]);
  expect(failures.length).toBeLessThanOrEqual(2);
});

test("a restart fails no request", async () => {
  const before = (await site()).replicas.map(({ id }) => id);
  const visitors = keepVisiting(croft, host);
  const restarted = await croft.cli(["site", "restart", slug]);
  expect(restarted.exitCode, restarted.stderr).toBe(0);
  await until(
    "other replicas run, the former ones are gone",
    site,
    ({ replicas }) =>
      replicas.length === 1 && replicas[0]!.state === "running" && !before.includes(replicas[0]!.id),
  );
  const { count, failures } = await visitors.stop();
  expect(failures).toEqual([]);
  expect(count).toBeGreaterThan(5);
  await croft.api("POST", `/sites/${slug}/stop`);
  expect((await croft.api("POST", `/sites/${slug}/restart`)).status).toBe(409);
  await croft.api("POST", `/sites/${slug}/start`);
  // Not even while it starts: who comes waits.
  expect((await croft.visit(host)).status).toBe(200);
});

test("while an app is gone, its visitors never meet another site's that starts meanwhile", async () => {
  const other = uniqueSlug("next");
  await croft.createSite(other);
  const running = (name: string): Promise<string> =>
    docker("ps", "-q", "--filter", `label=croft.site=${name}`, "--filter", "label=croft.role=site");
  const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  const addressOf = (name: string): Promise<string> =>
    until(
      "one container runs",
      async () => docker("inspect", "-f", format, await running(name)),
      (address) => /^[\d.]+$/.test(address),
    );
  const before = await addressOf(slug);
  const visitors = keepVisiting(croft, host);
  const ends = (async () => {
    for (let i = 0; i < 3; i++) {
      await docker("kill", await running(slug));
      await Bun.sleep(500);
    }
  })();
  const { exitCode, output } = await croft.push(other, loadApp("stranger"));
  expect(exitCode, output).toBe(0);
  await ends;
  await until("it is up again", site, ({ replicas }) => replicas.some(({ state }) => state === "running"));
  const { bodies } = await visitors.stop();
  expect((await croft.visit(`${other}.localhost`)).body).toContain("stranger");
  expect(bodies.filter((body) => body.includes("stranger"))).toEqual([]);
  // Each site's addresses are its own, whatever was free when the other one's container started.
  const subnet = (address: string): string => address.replace(/\d+$/, (last) => String(Number(last) >> 4));
  expect(subnet(await addressOf(slug))).toBe(subnet(before));
  expect(subnet(await addressOf(other))).not.toBe(subnet(before));
});

test("visitors are shared out among two releases, stay with theirs, and follow the next deployment", async () => {
  await deploy("r2");
  const releases = await croft.api<{ items: { number: number; current: boolean }[] }>(
    "GET",
    `/sites/${slug}/releases`,
  );
  const [current, before] = releases.body.items.map(({ number }) => number) as [number, number];
  const split = await croft.cli(["site", "split", slug, `${current}=70`, `${before}=30`, "--json"]);
  expect(split.exitCode, split.stderr).toBe(0);
  const asked: SplitView = {
    releases: [
      { release: current, weight: 70 },
      { release: before, weight: 30 },
    ],
  };
  expect(JSON.parse(split.stdout)).toEqual(asked);
  const sample = async (): Promise<Record<string, number>> => {
    const seen: Record<string, number> = {};
    for (let i = 0; i < 100; i++) {
      const { status, body } = await croft.visit(host);
      const name = status === 200 ? releaseOf(body) : String(status);
      seen[name] = (seen[name] ?? 0) + 1;
    }
    return seen;
  };
  const seen = await until("both serve", sample, (counts) => "r1" in counts && "r2" in counts);
  expect(Object.keys(seen).toSorted()).toEqual(["r1", "r2"]);
  // 30 of 100 expected; further away than five standard deviations is no chance.
  expect(seen.r1!).toBeGreaterThan(7);
  expect(seen.r1!).toBeLessThan(53);
  const first = await until(
    "the old one's cookie",
    () => croft.visit(host),
    ({ body }) => releaseOf(body) === "r1",
    30_000,
    1,
  );
  const cookie = first.headers.get("set-cookie")!.split(";")[0]!;
  expect(cookie).toBe(`croft-release=${before}`);
  for (let i = 0; i < 20; i++)
    expect(releaseOf((await croft.visit(host, "/", { headers: { cookie } })).body)).toBe("r1");

  const visitors = keepVisiting(croft, host);
  const off = await croft.cli(["site", "split", slug, "--off"]);
  expect(off.exitCode, off.stderr).toBe(0);
  await until("the old one's replica ends", site, ({ replicas }) => replicas.length === 1);
  expect(releaseOf((await croft.visit(host, "/", { headers: { cookie } })).body)).toBe("r2");
  expect((await visitors.stop()).failures).toEqual([]);

  await croft.api("PUT", `/sites/${slug}/split`, asked);
  await until(
    "both run",
    site,
    ({ replicas }) => replicas.filter(({ state }) => state === "running").length === 2,
  );
  const during = keepVisiting(croft, host);
  await deploy("r3");
  await until("only the new one runs", site, ({ replicas }) => replicas.length === 1);
  expect((await during.stop()).failures).toEqual([]);
  expect((await site()).split).toBeNull();
  for (let i = 0; i < 20; i++)
    expect(releaseOf((await croft.visit(host, "/", { headers: { cookie } })).body)).toBe("r3");
});

test("a rollback to a release of the split is for all visitors", async () => {
  const { currentRelease } = await site();
  const releases = [
    { release: currentRelease!.number, weight: 1 },
    { release: currentRelease!.number - 1, weight: 1 },
  ];
  await croft.api("PUT", `/sites/${slug}/split`, { releases });
  await until(
    "both run",
    site,
    ({ replicas }) => replicas.filter(({ state }) => state === "running").length === 2,
  );
  const visitors = keepVisiting(croft, host);
  const back = await croft.cli(["rollback", slug, "--wait"]);
  expect(back.exitCode, back.stderr).toBe(0);
  await until("only the old one runs", site, ({ replicas }) => replicas.length === 1);
  expect((await visitors.stop()).failures).toEqual([]);
  expect((await site()).split).toBeNull();
  for (let i = 0; i < 10; i++) expect(releaseOf((await croft.visit(host)).body)).toBe("r2");
});

test("a split names releases that are kept, the current one among them", async () => {
  const put = (releases: unknown) => croft.api("PUT", `/sites/${slug}/split`, { releases });
  const { currentRelease } = await site();
  const { number } = currentRelease!;
  const last = await croft.api<DeploymentView>("GET", `/sites/${slug}`);
  expect(last.status).toBe(200);
  for (const wrong of [
    [{ release: 99, weight: 1 }],
    [{ release: number - 1, weight: 1 }],
    [{ release: number, weight: 0 }],
    [
      { release: number, weight: 1 },
      { release: number, weight: 1 },
    ],
    "all",
  ])
    expect((await put(wrong)).status).toBe(422);
  expect((await put([{ release: number, weight: 1 }])).status).toBe(200);
  expect((await put([])).body).toEqual({ releases: [] });
});

test("CROFT_PROXY_PROTOCOL: the edge of before gives way to one that reads headers, and back", async () => {
  const rules = (change: object) => croft.api("PUT", `/sites/${slug}/rules`, change);
  const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
  const from = async (header: string): Promise<string> => {
    const answer = await exchangeRaw(croft.edgePort, header + request);
    return answer === "" ? "closed" : answer.slice(9, 12);
  };
  await croft.kill("SIGTERM");
  await croft.start({ CROFT_PROXY_PROTOCOL: "on", CROFT_TRUSTED_PROXIES: "127.0.0.0/8" });
  const readsHeaders = () => croft.edge().then(({ proxyProtocol }) => proxyProtocol);
  await until("an edge that reads headers", readsHeaders, Boolean);
  await rules({ deny: ["203.0.113.0/24"] });
  await until(
    "headers are read",
    () => from("PROXY TCP4 198.51.100.9 10.0.0.1 5 80\r\n"),
    (status) => status === "200",
  );
  expect(await from("PROXY TCP4 203.0.113.9 10.0.0.1 5 80\r\n")).toBe("403");
  expect(await from("")).toBe("closed");
  await croft.kill("SIGTERM");
  await croft.start();
  await until("an edge that reads none", readsHeaders, (on) => !on);
  expect((await croft.visit(host)).status).toBe(200);
});
