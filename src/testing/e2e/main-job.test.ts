import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { ReleaseView, UsagePoint } from "../../domain/views.ts";
import { answering, docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(180_000);

let croft: TestCroft;
const slug = uniqueSlug("main");
const host = `${slug}.localhost`;

beforeAll(async () => {
  croft = await startCroft();
  await croft.createSite(slug);
});
afterAll(() => croft.destroy());

test("a site without a release says so", async () => {
  const { status, body } = await croft.visit(host);
  expect(status).toBe(503);
  expect(body).toContain("not been deployed yet");
});

test("a push builds, shows the log to the pusher and serves", async () => {
  const { exitCode, output } = await croft.push(slug, nodeApp(answering("one")));
  expect(exitCode, output).toBe(0);
  expect(output).toContain("remote: Step 1/");
  expect(output).toContain(`http://${host}:${croft.edgePort}`);
  expect((await croft.visit(host)).body).toBe("one");
  const deployment = await croft.lastDeployment(slug);
  expect(deployment.status).toBe("success");
  expect(deployment.trigger).toBe("push");
  expect(deployment.steps.map((step) => step.name)).toEqual(
    "fetch plan build release start probe switch drain".split(" ") as never,
  );
  expect(deployment.steps.every((step) => step.endedAt !== null && step.error === null)).toBe(true);
  expect(deployment.build).toMatchObject({ success: true, language: "node", dockerfileGenerated: true });
  expect(deployment.commit?.message.trim()).toBe(`deploy ${slug}`);
});

test("the container is held and hardened as promised", async () => {
  const id = await docker("ps", "-q", "--filter", `label=croft.site=${slug}`);
  const [info] = JSON.parse(await docker("inspect", id)) as [
    {
      HostConfig: Record<string, unknown>;
      NetworkSettings: { Ports: object; Networks: object };
      Config: { Labels: Record<string, string> };
    },
  ];
  expect(info.HostConfig).toMatchObject({
    Memory: 512 * 1024 ** 2,
    MemorySwap: 512 * 1024 ** 2,
    NanoCpus: 500_000_000,
    PidsLimit: 256,
    CapDrop: ["ALL"],
    Privileged: false,
    RestartPolicy: { Name: "no" },
  });
  expect(info.HostConfig.SecurityOpt).toContain("no-new-privileges:true");
  expect(JSON.stringify(info.HostConfig.PortBindings ?? {})).toBe("{}");
  expect(Object.keys(info.NetworkSettings.Networks)).toHaveLength(1);
  expect(info.Config.Labels).toMatchObject({
    "croft.managed": "true",
    "croft.site": slug,
    "croft.environment": "production",
    "croft.role": "site",
  });
});

test("limits change live and are read back from the kernel, without a restart", async () => {
  const before = await docker("ps", "-q", "--no-trunc", "--filter", `label=croft.site=${slug}`);
  const changed = await croft.cli([
    "site",
    "limits",
    slug,
    "--memory",
    "96m",
    "--cpu",
    "0.3",
    "--pids",
    "99",
    "--json",
  ]);
  expect(changed.exitCode, changed.stderr).toBe(0);
  expect(JSON.parse(changed.stdout)).toMatchObject({
    asked: { memoryBytes: 96 * 1024 ** 2, cpuMillicores: 300, pids: 99 },
    applied: { memoryBytes: 96 * 1024 ** 2, memorySwapBytes: 96 * 1024 ** 2, cpuMillicores: 300, pids: 99 },
  });
  expect(await docker("ps", "-q", "--no-trunc", "--filter", `label=croft.site=${slug}`)).toBe(before);
});

test("a release that fails its probe leaves the old one serving, and says which port it saw", async () => {
  await croft.api("PATCH", `/sites/${slug}`, { healthCheck: { deadlineSeconds: 3 } });
  const { output } = await croft.push(slug, nodeApp(answering("lost").replace("process.env.PORT", "9999")));
  expect(output).toContain("9999");
  const deployment = await croft.lastDeployment(slug);
  expect(deployment.status).toBe("failed");
  expect(deployment.error?.message).toContain("9999");
  expect((await croft.visit(host)).body).toBe("one");
  expect((await docker("ps", "-aq", "--filter", `label=croft.site=${slug}`)).split("\n")).toHaveLength(1);
  expect((await croft.site(slug)).status).toBe("running");
});

test("an app that ends before it answers fails with what it printed", async () => {
  const { output } = await croft.push(slug, nodeApp('console.log("no database here"); process.exit(3);'));
  expect(output).toContain("no database here");
  expect(output).toContain("exit code 3");
  expect((await croft.visit(host)).body).toBe("one");
});

test("a new release takes over, and a rollback brings the old one back without a build", async () => {
  await croft.cli(["env", "set", slug, "WORD=first"]);
  await croft.push(slug, nodeApp(answering("").replace('s.end("")', "s.end(`two ${process.env.WORD}`)")));
  expect((await croft.visit(host)).body).toBe("two first");
  const back = await croft.cli(["rollback", slug, "--wait", "--json"]);
  expect(back.exitCode, back.stderr).toBe(0);
  expect((await croft.visit(host)).body).toBe("one");
  const deployment = await croft.lastDeployment(slug);
  expect(deployment.trigger).toBe("rollback");
  expect(deployment.steps.map((step) => step.name)).not.toContain("build" as never);
  const { items } = (await croft.api<{ items: ReleaseView[] }>("GET", `/sites/${slug}/releases`)).body;
  expect(items.find((release) => release.current)?.number).toBe(1);
});

test("usage is sampled from the kernel and the edge", async () => {
  for (let i = 0; i < 20; i++) await croft.visit(host);
  const points = await until(
    "requests show up in usage",
    async () =>
      (await croft.api<{ items: UsagePoint[] }>("GET", `/sites/${slug}/usage?resolution=raw`)).body.items,
    (items) => items.reduce((sum, point) => sum + point.requests, 0) >= 20,
  );
  const last = points.at(-1)!;
  expect(last.memoryBytes.avg).toBeGreaterThan(1_000_000);
  expect(last.cpuSeconds).toBeGreaterThanOrEqual(0);
});

test("secrets are write-only and never in clear on disk", async () => {
  const canary = "canary-4711-do-not-leak";
  await croft.cli(["env", "set", slug, `TOKEN=${canary}`, "--secret"]);
  const { stdout } = await croft.cli(["env", "list", slug, "--json"]);
  expect(stdout).toContain("TOKEN");
  expect(stdout).not.toContain(canary);
  for (const file of ["croft.db", "croft.db-wal"])
    expect(Buffer.from(await Bun.file(`${croft.dataDir}/${file}`).arrayBuffer()).includes(canary)).toBe(
      false,
    );
});

test("deleting asks for the name, then removes containers, networks, images and the route", async () => {
  expect((await croft.api("DELETE", `/sites/${slug}?confirm=other`)).status).toBe(422);
  expect((await croft.visit(host)).status).toBe(200);
  const gone = await croft.cli(["site", "delete", slug, "--confirm", slug]);
  expect(gone.exitCode, gone.stderr).toBe(0);
  await until(
    "nothing of the site is left",
    async () =>
      (await docker("ps", "-aq", "--filter", `label=croft.site=${slug}`)) +
      (await docker("network", "ls", "-q", "--filter", `label=croft.site=${slug}`)) +
      (await docker("images", "-q", `croft/${slug}`)),
    (left) => left === "",
  );
  expect((await croft.visit(host)).status).toBe(404);
  expect((await croft.api("GET", `/sites/${slug}`)).status).toBe(404);
});
