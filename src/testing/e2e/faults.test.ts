import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isTerminal } from "../../domain/deployment.ts";
import type { UsagePoint } from "../../domain/views.ts";
import { answering, docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { ownDocker, type OwnDocker, webCommand, webImage } from "./own-docker.ts";
import { keepVisiting } from "./visitors.ts";

setDefaultTimeout(120_000);

const status = async (croft: TestCroft, host: string): Promise<number> =>
  croft.visit(host).then(
    (answer) => answer.status,
    () => 0,
  );
const ready = async (croft: TestCroft): Promise<{ status: number; body: Record<string, boolean> }> => {
  const response = await fetch(`http://127.0.0.1:${croft.panelPort}/readyz`);
  return { status: response.status, body: (await response.json()) as Record<string, boolean> };
};
const requestsOf = async (croft: TestCroft, slug: string): Promise<number> =>
  (await croft.api<{ items: UsagePoint[] }>("GET", `/sites/${slug}/usage?resolution=hour`)).body.items.reduce(
    (sum, point) => sum + point.requests,
    0,
  );

/** Signs in as a browser does. @returns the text of a page */
const panelPage = async (croft: TestCroft, path: string): Promise<string> => {
  const origin = `http://127.0.0.1:${croft.panelPort}`;
  const signedIn = await fetch(`${origin}/sign-in`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ username: "ada", password: "correct-horse-battery" }),
    headers: { origin, "sec-fetch-site": "same-origin" },
  });
  expect(signedIn.status).toBe(303);
  const cookie = signedIn.headers.getSetCookie()[0]!.split(";", 1)[0]!;
  return (await fetch(origin + path, { headers: { cookie } })).text();
};

let croft: TestCroft;
const slug = uniqueSlug("fault");
const host = `${slug}.localhost`;

beforeAll(async () => {
  croft = await startCroft();
  await croft.createSite(slug);
  const { exitCode, output } = await croft.push(
    slug,
    nodeApp(`process.on("SIGTERM", () => process.exit(0));
      require("node:http").createServer((q, s) =>
        setTimeout(() => s.end("here"), q.url === "/slow" ? 4000 : 0)).listen(process.env.PORT);`),
  );
  expect(exitCode, output).toBe(0);
});
afterAll(() => croft.destroy());

test("an edge that is killed is followed by one with the same table, and its counters go on", async () => {
  for (let i = 0; i < 5; i++) expect((await croft.visit(host)).body).toBe("here");
  await until(
    "they are counted",
    () => requestsOf(croft, slug),
    (count) => count === 5,
  );
  const before = await croft.edge();
  process.kill(before.pid, "SIGKILL");
  let answers = 5;
  await until(
    "the site is served again",
    async () => {
      const code = await status(croft, host);
      if (code !== 0) answers++;
      return code;
    },
    (code) => code === 200,
    3000,
  );
  const after = await croft.edge();
  expect(after.pid).not.toBe(before.pid);
  expect(after.tableVersion).toBeGreaterThanOrEqual(before.tableVersion);
  await until(
    "the counters went on",
    () => requestsOf(croft, slug),
    (count) => count === answers,
  );
});

test("a second daemon on the same data directory is refused in words, and the first goes on", async () => {
  const second = await croft.cli(["serve"]);
  expect(second.exitCode).toBe(1);
  expect(second.stderr).toContain("another croft daemon uses this data directory");
  expect((await ready(croft)).status).toBe(200);
  expect((await croft.visit(host)).body).toBe("here");
});

test("SIGTERM ends the daemon cleanly while a deployment drains; sites are served, and the next start finishes it", async () => {
  const slow = croft.visit(host, "/slow");
  const pushing = croft.push(slug, nodeApp(answering("next")));
  await until(
    "the new release serves",
    async () => (await croft.visit(host)).body,
    (body) => body === "next",
  );
  const { pid } = await croft.edge();
  expect(await croft.kill("SIGTERM")).toBe(0);
  await pushing;
  expect((await croft.visit(host)).body).toBe("next");
  expect((await croft.visit("croft.localhost")).status).toBe(502);
  expect((await slow).body).toBe("here");

  await croft.start();
  expect((await croft.edge()).pid).toBe(pid);
  const deployment = await until(
    "the deployment ends",
    () => croft.lastDeployment(slug),
    ({ status }) => isTerminal(status),
  );
  expect(deployment.status).toBe("success");
  expect(await docker("ps", "-aq", "--filter", `label=croft.site=${slug}`)).not.toContain("\n");
});

test("without its master key, or with another one, the daemon does not start", async () => {
  const key = join(croft.dataDir, "master.key");
  expect(await croft.kill("SIGTERM")).toBe(0);
  await rename(key, `${key}.kept`);
  const missing = await croft.cli(["serve"]);
  expect(missing.exitCode).toBe(1);
  expect(missing.stderr).toContain(`the master key ${key} is missing`);
  expect(await Bun.file(key).exists()).toBe(false);

  const other = { current: 1, keys: { "1": Buffer.alloc(32, 7).toString("base64") } };
  await writeFile(key, JSON.stringify(other), { mode: 0o600 });
  const wrong = await croft.cli(["serve"]);
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stderr).toContain("the master key is not the one this database was made with");

  await rename(`${key}.kept`, key);
  expect((await croft.visit(host)).body).toBe("next");
  await croft.start();
});

test("an address that is taken is named", async () => {
  const root = await mkdtemp("/var/tmp/croft-e2e-");
  try {
    const { exitCode, stderr } = await croft.cli(["serve"], undefined, {
      CROFT_DATA_DIR: join(root, "data"),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`CROFT_LISTEN: 127.0.0.1:${croft.panelPort} cannot be listened on`);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

test("without Docker the daemon starts, says so everywhere, and recovers by itself when it comes", async () => {
  const folder = await mkdtemp("/var/tmp/croft-socket-");
  const socket = join(folder, "docker.sock");
  const alone = await startCroft({ DOCKER_HOST: `unix://${socket}` });
  const site = uniqueSlug("late");
  try {
    expect(await ready(alone)).toMatchObject({ status: 503, body: { engine: false, database: true } });
    expect(await panelPage(alone, "/")).toContain("Docker does not answer");
    const shown = await alone.api<{ engine: { up: boolean; message: string } }>("GET", "/host");
    expect(shown.body.engine).toMatchObject({ up: false, message: expect.stringContaining(socket) });

    await alone.createSite(site);
    const refused = await alone.push(site, nodeApp(answering("at last")));
    expect(refused.exitCode).not.toBe(0);
    expect(refused.output).toContain("Refused: it cannot be deployed now");
    expect(refused.output).toContain(socket);

    await symlink("/var/run/docker.sock", socket);
    await until(
      "it is ready",
      () => ready(alone),
      (answer) => answer.status === 200,
    );
    expect(await panelPage(alone, "/")).not.toContain("Docker does not answer");
    const pushed = await alone.push(site, nodeApp(answering("at last")));
    expect(pushed.exitCode, pushed.output).toBe(0);
    expect((await alone.visit(`${site}.localhost`)).body).toBe("at last");
  } finally {
    await alone.destroy();
    await rm(folder, { recursive: true, force: true });
  }
});

/** Each address that the route table sends visitors of a site to. */
const routed = async (croft: TestCroft, host: string): Promise<string[]> => {
  const text = await Bun.file(join(croft.dataDir, "run", "edge", "table.json")).text();
  const table = JSON.parse(text.slice(text.indexOf("\n"))) as {
    routes: { hosts: string[]; target: { replicas?: { address: { host: string } }[] } }[];
  };
  const route = table.routes.find((one) => one.hosts.includes(host));
  return (route?.target.replicas ?? []).map((replica) => replica.address.host);
};
const addresses = async (own: OwnDocker, slug: string): Promise<string[]> => {
  const ids = (await own.docker("ps", "-q", "--filter", `label=croft.site=${slug}`))
    .split("\n")
    .filter(Boolean);
  const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  return Promise.all(ids.map((id) => own.docker("inspect", "--format", format, id)));
};

for (const signal of ["SIGTERM", "SIGKILL"] as const)
  test(`Docker ended by ${signal} and started again: replicas come back and routes lead to them, each to its own`, async () => {
    await using own = await ownDocker();
    const croft = await startCroft({ DOCKER_HOST: own.host });
    const sites = ["one", "two"].map(uniqueSlug);
    try {
      for (const site of sites)
        await croft.createSite(site, {
          type: "image",
          image: webImage,
          port: 8080,
          startCommand: webCommand(site),
        });
      for (const site of sites)
        await until(
          "both are live",
          async () => (await croft.visit(`${site}.localhost`)).body.trim(),
          (body) => body === site,
        );
      const visitors = sites.map((site) => keepVisiting(croft, `${site}.localhost`));
      // A deployment is under way: its new replica takes its time to answer.
      const startCommand = `sleep 30; ${webCommand("never")}`;
      await croft.api("PATCH", `/sites/${sites[0]}`, { startCommand });
      await croft.api("POST", `/sites/${sites[0]}/deployments`, {});
      await until(
        "it is probed",
        () => croft.lastDeployment(sites[0]!),
        ({ steps }) => steps.at(-1)?.name === "probe",
      );
      await own.end(signal);
      await until(
        "it is noticed",
        () => ready(croft),
        (answer) => answer.status === 503,
      );
      expect(await panelPage(croft, `/sites/${sites[0]}`)).toContain("Docker does not answer");
      const asked = await croft.api<{ id: string }>("POST", `/sites/${sites[1]}/deployments`, {});
      expect(asked.status).toBe(202);
      const log = await croft.cli(["logs", sites[1]!, "--deployment", asked.body.id]);
      expect(log.stdout).toContain("waiting for Docker to answer");
      expect((await croft.lastDeployment(sites[1]!)).status).toBe("pending");
      await own.start();
      await until(
        "it is ready again",
        () => ready(croft),
        (answer) => answer.status === 200,
        20_000,
      );
      for (const site of sites) {
        await until(
          "it is live again",
          async () => (await croft.visit(`${site}.localhost`)).body.trim(),
          (body) => body === site,
        );
        await until(
          "the route leads to its container",
          async () => [await routed(croft, `${site}.localhost`), await addresses(own, site)],
          ([table, engine]) => table!.length === 1 && table!.join() === engine!.join(),
        );
      }
      const waited = await until(
        "what waited is deployed",
        () => croft.lastDeployment(sites[1]!),
        ({ status }) => isTerminal(status),
      );
      expect(waited).toMatchObject({ id: asked.body.id, status: "success" });
      const interrupted = await croft.lastDeployment(sites[0]!);
      expect(interrupted.status).toBe("failed");
      expect(interrupted.error!.message).toContain("Docker");
      // One container and one image for each release that is kept, none of the deployment that was cut short.
      const ours = (...args: string[]) => own.docker(...args, "--filter", "label=croft.managed=true");
      await until(
        "nothing of it is left over",
        async () => [
          (await ours("ps", "-aq")).split("\n").length,
          (await own.docker("images", "-q", `croft/${sites[0]}`)).split("\n").length,
        ],
        ([containers, images]) => containers === 2 && images === 1,
      );
      for (const [i, visitor] of visitors.entries())
        for (const answer of (await visitor.stop()).bodies) expect(answer).not.toBe(sites[1 - i]!);
    } finally {
      await croft.destroy();
    }
  });
