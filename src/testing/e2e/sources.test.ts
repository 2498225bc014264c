import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { DeploymentView, HookView, SiteView } from "../../domain/views.ts";
import { commitFiles, git } from "../../git/testing/client.ts";
import { type GitHost, gitHost } from "../../git/testing/git-host.ts";
import { busyboxImage } from "../docker-fixture.ts";
import { answering, docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { webCommand } from "./own-docker.ts";

setDefaultTimeout(240_000);

let host: GitHost;
let croft: TestCroft;
const samples = join(import.meta.dir, "../../../scripts/samples");

beforeAll(async () => {
  host = await gitHost();
  croft = await startCroft({
    CROFT_FETCH_ALLOW_HOSTS: `localhost:${host.port}`,
    CROFT_FETCH_CA_FILE: host.policy.caFile!,
  });
});
afterAll(async () => {
  await croft.destroy();
  await host[Symbol.asyncDispose]();
});

/** A repository on the HTTPS host; more commits can follow. */
const published = async (name: string, files: Record<string, string>, branch = "main") => {
  const work = join(host.folder, `work-${name}`);
  const commit = async (changed: Record<string, string>): Promise<string> => {
    const hash = await commitFiles(work, changed, { branch });
    await git(work, ["push", "--quiet", host.origin(`${name}.git`), branch]);
    return hash;
  };
  await git("/", ["init", "--quiet", "--bare", `--initial-branch=${branch}`, host.origin(`${name}.git`)]);
  await commit(files);
  return { url: `https://localhost:${host.port}/ada/${name}.git`, commit };
};

const ended = (slug: string): Promise<DeploymentView> =>
  until(
    `deployment of ${slug} ends`,
    () => croft.lastDeployment(slug),
    ({ status }) => !["pending", "building", "deploying"].includes(status),
    120_000,
  );

test("a pasted git URL is cloned over HTTPS and deployed at once, from the branch the repository calls its own", async () => {
  const { url } = await published("paste", nodeApp(answering("pasted")), "trunk");
  const slug = uniqueSlug("paste");
  const site = (await croft.createSite(slug, { repositoryUrl: url })) as SiteView & {
    deployment: DeploymentView;
  };
  expect(site.branch).toBe("trunk");
  expect(site.deployment.status).toBe("pending");
  expect((await ended(slug)).error).toBeNull();
  expect((await croft.visit(`${slug}.localhost`)).body).toBe("pasted");
});

test("a repository that is not there says so in words", async () => {
  const slug = uniqueSlug("gone");
  await croft.createSite(slug, { repositoryUrl: `https://localhost:${host.port}/ada/none.git` });
  const deployment = await ended(slug);
  expect(deployment.status).toBe("failed");
  expect(deployment.error?.message).toMatch(/not found|private/);
});

test("GitHub's push deploys once, whatever else arrives deploys nothing", async () => {
  const { url, commit } = await published("hooked", nodeApp(answering("one")));
  const slug = uniqueSlug("hook");
  await croft.createSite(slug, { repositoryUrl: url });
  await ended(slug);
  const { stdout } = await croft.cli(["hook", "add", slug, "--json"]);
  const hook = JSON.parse(stdout) as HookView;
  const after = await commit(nodeApp(answering("two")));
  const push = (ref: string): string =>
    JSON.stringify({
      ref,
      before: "0".repeat(40),
      after,
      deleted: false,
      repository: { full_name: "ada/hooked", clone_url: url, html_url: url.replace(/\.git$/, "") },
      head_commit: { id: after, message: "two", timestamp: new Date().toISOString() },
      commits: [],
    });
  const deliver = async (
    body: string,
    { id, event = "push", signature = "right" }: { id: string; event?: string; signature?: string },
  ) => {
    const digest = new Bun.CryptoHasher("sha256", hook.secret!).update(body).digest("hex");
    const headers: Record<string, string> = {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": id,
    };
    if (signature !== "none")
      headers["x-hub-signature-256"] = `sha256=${signature === "right" ? digest : "0".repeat(64)}`;
    // By the edge, as GitHub would come.
    return croft.visit("croft.localhost", new URL(hook.url).pathname, { method: "POST", body, headers });
  };
  const body = push("refs/heads/main");
  expect((await deliver(body, { id: "1", signature: "wrong" })).status).toBe(401);
  expect((await deliver(body, { id: "2", signature: "none" })).status).toBe(401);
  expect((await deliver("{}", { id: "3", event: "ping" })).status).toBe(200);
  expect((await deliver(push("refs/heads/other"), { id: "4" })).status).toBe(200);
  const answers = await Promise.all(Array.from({ length: 20 }, () => deliver(body, { id: "5" })));
  const statuses = answers.map((answer) => answer.status).sort();
  expect(statuses).toEqual([...Array<number>(19).fill(200), 202]);
  expect((await ended(slug)).commit?.hash).toBe(after);
  expect((await croft.visit(`${slug}.localhost`)).body).toBe("two");
  const list = await croft.api<{ items: unknown[] }>("GET", `/sites/${slug}/deployments`);
  expect(list.body.items).toHaveLength(2);
  expect(
    (await croft.visit("croft.localhost", "/hooks/github/hook_none", { method: "POST", body })).status,
  ).toBe(404);
});

const filesOf = async (sample: string): Promise<Record<string, string>> => {
  const files: Record<string, string> = {};
  for await (const path of new Bun.Glob("**/*").scan({ cwd: join(samples, sample), dot: true }))
    files[path] = await Bun.file(join(samples, sample, path)).text();
  return files;
};

for (const sample of ["hello-python", "hello-bun", "hello-dockerfile", "hello-static"])
  test(`the sample ${sample} builds and answers`, async () => {
    const slug = uniqueSlug(sample.slice(6));
    await croft.createSite(slug);
    const { exitCode, output } = await croft.push(slug, await filesOf(sample));
    expect(exitCode, output).toBe(0);
    expect(output).toContain("Live:");
    const { status, body } = await croft.visit(`${slug}.localhost`);
    expect(status).toBe(200);
    expect(body).toContain("Hello");
    const containers = await docker("ps", "-q", "--filter", `label=croft.site=${slug}`);
    expect(containers === "").toBe(sample === "hello-static");
  });

test("a folder is deployed by the command line, without a repository of its own", async () => {
  const slug = uniqueSlug("dir");
  await croft.createSite(slug);
  const { exitCode, stderr } = await croft.cli([
    "deploy",
    slug,
    "--dir",
    join(samples, "hello-static"),
    "--wait",
  ]);
  expect(exitCode, stderr).toBe(0);
  expect((await croft.visit(`${slug}.localhost`)).body).toContain("Hello");
});

test("a ready image runs; one of another site cannot be named", async () => {
  await busyboxImage();
  const image = "croftless/busybox:1";
  await docker("tag", "croft-test/busybox:latest", image);
  const slug = uniqueSlug("image");
  await croft.createSite(slug, {
    type: "image",
    image,
    startCommand: webCommand("from an image"),
    port: 8080,
  });
  expect((await ended(slug)).error).toBeNull();
  expect((await croft.visit(`${slug}.localhost`)).body.trim()).toBe("from an image");

  const builtTag = (await docker("images", "--format", "{{.Repository}}:{{.Tag}}"))
    .split("\n")
    .find((tag) => tag.startsWith("croft/"))!;
  expect(builtTag).toStartWith("croft/");
  const thief = uniqueSlug("thief");
  await croft.createSite(thief, { type: "image", image: builtTag });
  const stolen = await ended(thief);
  expect(stolen.status).toBe("failed");
  expect(await docker("ps", "-aq", "--filter", `label=croft.site=${thief}`)).toBe("");
});
