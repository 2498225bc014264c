import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { fetchRepository } from "./fetch.ts";
import type { Lookup } from "./fetch-target.ts";
import { git } from "./testing/client.ts";
import { gitHost, outcome, type GitHost } from "./testing/git-host.ts";

setDefaultTimeout(30_000);

let host: GitHost;
beforeAll(async () => {
  host = await gitHost();
});
afterAll(() => host[Symbol.asyncDispose]());

describe("hostile addresses and names", () => {
  const canary = () => join(host.folder, "canary");

  test.each([
    "--upload-pack=touch canary",
    "-oProxyCommand=touch canary",
    "file:///etc",
    "/etc",
    "../host/ada/app.git",
    "ext::sh -c touch% canary",
    "ssh://git.test/app.git",
    "git@git.test:app.git",
    "http://git.test/app.git",
    "git://git.test/app.git",
    "https://user:secret@git.test/app.git",
    "https://git.test/a\nb",
    "https://",
    "https:// -x",
    "",
  ])("%p is refused as an address", async (hostile) => {
    host.requests.length = 0;
    const [code, message] = await outcome(
      fetchRepository({ ...host.policy, repoPath: host.bare(), url: hostile, branch: "main" }),
    );
    expect([code, message]).toEqual([
      "invalid_input",
      "repositoryUrl: must be an https:// address without user name and password",
    ]);
    expect(host.requests).toEqual([]);
  });

  test.each([
    "--upload-pack=touch x",
    "-u",
    "a..b",
    "a b",
    "a\nb",
    "a:b",
    "*",
    "",
    "x.lock",
    "a@{1}",
    "+main",
    "^main",
  ])("%p is refused as a branch or not found, and never an option", async (branch) => {
    const [code] = await outcome(
      fetchRepository({ ...host.policy, repoPath: host.bare(), url: host.url(), branch }),
    );
    expect(code).toBe(branch === "+main" ? "deploy_failed" : "invalid_input");
  });

  test("shell text in a legal branch name and in the path is text", async () => {
    const origin = host.origin("app.git");
    for (const branch of ["$(touch${IFS}canary)", "`touch${IFS}canary`", "a;touch${IFS}canary;'\"|&"]) {
      await git(origin, ["branch", "--force", branch, "main"]);
      const repoPath = host.bare();
      expect((await fetchRepository({ ...host.policy, repoPath, url: host.url(), branch })).hash).toBe(
        host.head,
      );
      expect(await Bun.file(join(repoPath, "canary")).exists()).toBe(false);
      const path = `/ada/app.git$(touch\${IFS}${canary()})`;
      const [code] = await outcome(
        fetchRepository({ ...host.policy, repoPath, url: host.url(path), branch }),
      );
      expect(code).toBe("deploy_failed");
    }
    expect(await Bun.file(canary()).exists()).toBe(false);
  });

  test("a commit must be a full hash", async () => {
    for (const commit of [
      "--all",
      "HEAD",
      host.first.slice(0, 39),
      host.first.toUpperCase(),
      `${host.first}\n`,
    ]) {
      const [code] = await outcome(
        fetchRepository({ ...host.policy, repoPath: host.bare(), url: host.url(), branch: "main", commit }),
      );
      expect(code).toBe("invalid_input");
    }
  });

  test.each([
    "127.0.0.1",
    "10.0.0.8",
    "169.254.169.254",
    "192.168.0.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:169.254.169.254",
  ])("a name that resolves to %s is refused without a connection", async (address) => {
    host.requests.length = 0;
    const [code, message] = await outcome(
      fetchRepository({
        ...host.policy,
        allowHosts: [],
        lookup: async () => [{ address }],
        repoPath: host.bare(),
        url: host.url(),
        branch: "main",
      }),
    );
    expect(code).toBe("forbidden");
    expect(message).toContain("git.test");
    expect(host.requests).toEqual([]);
  });

  test.each([
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "localhost",
    "localhost.",
  ])("%s in the address itself is refused", async (name) => {
    host.requests.length = 0;
    const [code] = await outcome(
      fetchRepository({
        allowHosts: [],
        caFile: host.policy.caFile,
        repoPath: host.bare(),
        url: `https://${name}:${host.port}/ada/app.git`,
        branch: "main",
      }),
    );
    expect(code).toBe("forbidden");
    expect(host.requests).toEqual([]);
  });

  test("an exception holds for its host and port alone", async () => {
    const other = { ...host.policy, allowHosts: ["git.test:1", "test", "xgit.test", "ada.git.test"] };
    const [code] = await outcome(
      fetchRepository({ ...other, repoPath: host.bare(), url: host.url(), branch: "main" }),
    );
    expect(code).toBe("forbidden");
  });

  test("a name is resolved once, so one that changes its mind (rebinding) is not asked again", async () => {
    let asked = 0;
    const rebinding: Lookup = async () => [{ address: ++asked === 1 ? "127.0.0.1" : "169.254.169.254" }];
    // `localhost` would resolve by itself; only the pin makes the checked address the one that is used.
    const commit = await fetchRepository({
      ...host.policy,
      lookup: rebinding,
      repoPath: host.bare(),
      url: host.url(),
      branch: "main",
    });
    expect(commit.hash).toBe(host.head);
    expect(asked).toBe(1);
    const pinned = await outcome(
      fetchRepository({
        ...host.policy,
        allowHosts: ["localhost"],
        lookup: async () => [{ address: "127.0.0.9" }],
        repoPath: host.bare(),
        url: `https://localhost:${host.port}/ada/app.git`,
        branch: "main",
      }),
    );
    expect(pinned[0]).toBe("unavailable");
  });

  test("a redirect to another host is not followed", async () => {
    const away = { ...host.policy, repoPath: host.bare(), url: host.url("/away/app.git"), branch: "main" };
    expect(await outcome(fetchRepository(away))).toEqual([
      "deploy_failed",
      `${host.url("/away/app.git")} redirects to another address; use the repository's final address`,
    ]);
  });
});
