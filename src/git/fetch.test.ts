import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { checkoutCommit } from "./checkout.ts";
import { fetchRepository } from "./fetch.ts";
import type { Lookup } from "./fetch-target.ts";
import { listRemote } from "./list-remote.ts";
import { git } from "./testing/client.ts";
import { gitHost, outcome, type GitHost } from "./testing/git-host.ts";

setDefaultTimeout(30_000);

let host: GitHost;
beforeAll(async () => {
  host = await gitHost();
});
afterAll(() => host[Symbol.asyncDispose]());

describe("fetching", () => {
  test("a branch's head comes shallow and can be checked out", async () => {
    const repoPath = host.bare();
    const commit = await fetchRepository({ ...host.policy, repoPath, url: host.url(), branch: "main" });
    expect(commit).toEqual({ hash: host.head, message: "second", author: "Ada Lovelace" });
    expect((await git(repoPath, ["rev-list", "--count", host.head])).text.trim()).toBe("1");
    const targetDir = join(host.folder, crypto.randomUUID());
    await checkoutCommit({ repoPath, commit: host.head, targetDir });
    expect(await Bun.file(join(targetDir, "a.txt")).text()).toBe("two");
  });

  test("an exact commit that is no longer the head is fetched; a second time without the network", async () => {
    const repoPath = host.bare();
    const options = { ...host.policy, repoPath, url: host.url(), branch: "main", commit: host.first };
    expect((await fetchRepository(options)).hash).toBe(host.first);
    host.requests.length = 0;
    expect((await fetchRepository(options)).message).toBe("first");
    expect(host.requests).toEqual([]);
  });

  test("an exact commit is found on its branch where the server hands out heads only", async () => {
    const repoPath = host.bare();
    host.requests.length = 0;
    const old = { ...host.policy, repoPath, url: host.url("/heads/app.git"), branch: "main" };
    expect((await fetchRepository({ ...old, commit: host.first })).hash).toBe(host.first);
    expect(host.requests.filter((path) => path.endsWith("/info/refs"))).toHaveLength(2);
  });

  test("a later fetch into the same repository follows the branch, also when it was rewritten", async () => {
    const repoPath = host.bare();
    const options = { ...host.policy, repoPath, url: host.url(), branch: "moving" };
    const origin = host.origin("app.git");
    await git(origin, ["branch", "moving", "main"]);
    expect((await fetchRepository(options)).hash).toBe(host.head);
    await git(origin, ["branch", "--force", "moving", host.first]);
    expect((await fetchRepository(options)).hash).toBe(host.first);
  });

  test("the heads of a repository are listed, its own choice apart", async () => {
    expect(await listRemote({ ...host.policy, url: host.url() })).toMatchObject({ head: "main" });
    expect(await listRemote({ ...host.policy, url: host.url("/ada/empty.git") })).toEqual({
      head: null,
      branches: [],
    });
  });

  test("an address that redirects to itself with .git works", async () => {
    const commit = await fetchRepository({
      ...host.policy,
      repoPath: host.bare(),
      url: host.url("/gitlab/app"),
      branch: "main",
    });
    expect(commit.hash).toBe(host.head);
  });
});

describe("refusals are plain sentences", () => {
  const attempt = (path: string, more: object = {}) =>
    outcome(
      fetchRepository({
        ...host.policy,
        repoPath: host.bare(),
        url: host.url(path),
        branch: "main",
        ...more,
      }),
    );

  test("an unknown branch names those there are", async () => {
    const origin = host.origin("app.git");
    await git(origin, ["branch", "$(touch x)".replace(" ", "-"), "main"]);
    const [code, message] = await attempt("/ada/app.git", { branch: "master" });
    expect(code).toBe("deploy_failed");
    expect(message).toStartWith("branch master was not found; the repository has: main");
  });

  test.each([
    ["/ada/none.git", "was not found, or it is private"],
    ["/private/app.git", "was not found, or it is private"],
    ["/page/app.git", "nothing was pushed to it yet, or it is no git repository"],
    ["/ada/empty.git", "nothing was pushed to it yet, or it is no git repository"],
  ])("%s: %s", async (path, sentence) => {
    const [code, message] = await attempt(path);
    expect(code).toBe("deploy_failed");
    expect(message).toContain(sentence);
    expect(message).not.toContain("fatal");
  });

  test("an unknown commit", async () => {
    const [code, message] = await attempt("/ada/app.git", { commit: "1".repeat(40) });
    expect([code, message]).toEqual([
      "deploy_failed",
      `commit ${"1".repeat(40)} was not found on branch main`,
    ]);
  });

  test("a certificate nobody vouches for", async () => {
    const [code, message] = await attempt("/ada/app.git", { caFile: null });
    expect([code, message]).toEqual([
      "deploy_failed",
      "the certificate of git.test is not trusted, or the connection is not secure",
    ]);
  });

  test("a host that is not there, or does not answer", async () => {
    const lookup: Lookup = async () => {
      throw new Error("ENOTFOUND");
    };
    expect(await attempt("/ada/app.git", { lookup })).toEqual([
      "deploy_failed",
      "the host git.test of the repository's address was not found",
    ]);
    const closed = await outcome(
      fetchRepository({
        ...host.policy,
        allowHosts: ["git.test"],
        repoPath: host.bare(),
        url: "https://git.test:9/a",
        branch: "main",
      }),
    );
    expect(closed).toEqual(["unavailable", "git.test could not be reached or did not answer properly"]);
  });

  test("a repository that is too large leaves nothing behind", async () => {
    const repoPath = host.bare();
    const big = {
      ...host.policy,
      repoPath,
      url: host.url("/ada/big.git"),
      branch: "main",
      maxBytes: 1_000_000,
    };
    const [code, message] = await outcome(fetchRepository(big));
    expect([code, message]).toEqual([
      "too_large",
      `the repository ${host.url("/ada/big.git")} is larger than 977 KB`,
    ]);
    expect((await readdir(join(repoPath, "objects/pack"))).filter((name) => name.startsWith("tmp_"))).toEqual(
      [],
    );
  });

  test("what was fetched before counts: a repository that is full takes no more", async () => {
    const repoPath = host.bare();
    const first = { ...host.policy, repoPath, url: host.url("/ada/big.git"), branch: "main" };
    await fetchRepository(first);
    const again = fetchRepository({ ...first, url: host.url("/ada/app.git"), maxRepositoryBytes: 100_000 });
    expect((await outcome(again))[0]).toBe("too_large");
  });

  test("a host that takes too long", async () => {
    const [code, message] = await attempt("/hang/app.git", { deadlineMs: 200 });
    expect([code, message]).toEqual([
      "unavailable",
      `the repository ${host.url("/hang/app.git")} could not be fetched in time`,
    ]);
  });

  test("an abort ends it with its reason", async () => {
    const controller = new AbortController();
    const started = fetchRepository({
      ...host.policy,
      repoPath: host.bare(),
      url: host.url("/hang/app.git"),
      branch: "main",
      signal: controller.signal,
    });
    host.requests.length = 0;
    while (host.requests.length === 0) await Bun.sleep(5);
    controller.abort(new Error("cancelled by ada"));
    expect((await outcome(started))[1]).toBe("cancelled by ada");
  });
});
