import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../domain/log.ts";
import { gitBackend } from "./backend.ts";
import { checkoutCommit } from "./checkout.ts";
import { fetchRepository } from "./fetch.ts";
import type { Lookup } from "./fetch-target.ts";
import { listRemote } from "./list-remote.ts";
import { commitFiles, git, makeCertificate, temporaryFolder } from "./testing.ts";

setDefaultTimeout(30_000);

// A git host of our own: real TLS by a certificate authority of the test, real git behind it. `git.test` exists in
// no DNS, so whatever reaches it went through the pinned address.

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let caFile: string;
let server: ReturnType<typeof Bun.serve>;
let work: string;
let first: string;
let head: string;
let requests: string[] = [];

const loopback: Lookup = async () => [{ address: "127.0.0.1" }];
const url = (path = "/ada/app.git") => `https://git.test:${server.port}${path}`;
const policy = () => ({ allowHosts: [`git.test:${server.port}`], caFile, lookup: loopback });

const outcome = async (promise: Promise<unknown>): Promise<[code: string, message: string]> =>
  promise.then(
    () => ["done", ""],
    (error) => [error.code ?? error.name, error.publicMessage ?? error.message],
  );

beforeAll(async () => {
  folder = await temporaryFolder();
  work = join(folder.path, "work");
  first = await commitFiles(work, { "a.txt": "one" }, { message: "first" });
  head = await commitFiles(work, { "a.txt": "two" }, { message: "second" });
  const root = join(folder.path, "host");
  await git("/", ["clone", "--quiet", "--bare", work, join(root, "ada/app.git")]);
  await git("/", ["init", "--quiet", "--bare", "--initial-branch=main", join(root, "ada/empty.git")]);
  await git("/", ["init", "--quiet", "--bare", "--initial-branch=main", join(root, "ada/big.git")]);
  const big = join(folder.path, "big");
  await commitFiles(big, { noise: crypto.getRandomValues(new Uint8Array(65536)) });
  for (let i = 0; i < 60; i++)
    await Bun.write(join(big, `n${i}`), Bun.randomUUIDv7("buffer").toString("hex"));
  await Bun.write(
    join(big, "blob"),
    Buffer.concat(Array.from({ length: 96 }, () => crypto.getRandomValues(new Uint8Array(65536)))),
  );
  await commitFiles(big, {});
  await git(big, ["push", "--quiet", join(root, "ada/big.git"), "main"]);

  const certificate = await makeCertificate(folder.path, ["git.test", "localhost"]);
  caFile = certificate.caFile;
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    tls: { key: certificate.key, cert: certificate.cert },
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      requests.push(pathname);
      if (pathname.startsWith("/private/"))
        return new Response("sign in", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
      if (pathname.startsWith("/away/"))
        return Response.redirect("https://127.0.0.1:9/ada/app.git/info/refs", 302);
      if (pathname.startsWith("/gitlab/app/"))
        return Response.redirect(`${url("/gitlab/app.git/info/refs")}?service=git-upload-pack`, 301);
      if (pathname.startsWith("/page/"))
        return new Response("<html>", { headers: { "content-type": "text/html" } });
      if (pathname.startsWith("/hang/")) await Bun.sleep(60_000);
      const match = /^\/(?:ada|gitlab|heads)\/([a-z]+\.git)\/(info\/refs|git-upload-pack)$/.exec(pathname);
      if (!match || match[1] === "none.git") return new Response("not here", { status: 404 });
      if (pathname.startsWith("/heads/")) request.headers.delete("git-protocol");
      if (match[2] === "info/refs" && searchParams.get("service") !== "git-upload-pack")
        return new Response("dumb", { status: 403 });
      return gitBackend(request, {
        service: "git-upload-pack",
        phase: match[2] === "info/refs" ? "advertise" : "call",
        repoPath: join(root, "ada", match[1]!),
        user: "anyone",
        deadlineMs: 20_000,
        log: silentLog,
      });
    },
  });
});

afterAll(async () => {
  await server.stop(true);
  await folder[Symbol.asyncDispose]();
});

const bare = () => join(folder.path, `${crypto.randomUUID()}.git`);

describe("fetching", () => {
  test("a branch's head comes shallow and can be checked out", async () => {
    const repoPath = bare();
    const commit = await fetchRepository({ ...policy(), repoPath, url: url(), branch: "main" });
    expect(commit).toEqual({ hash: head, message: "second", author: "Ada Lovelace" });
    expect((await git(repoPath, ["rev-list", "--count", head])).text.trim()).toBe("1");
    const targetDir = join(folder.path, crypto.randomUUID());
    await checkoutCommit({ repoPath, commit: head, targetDir });
    expect(await Bun.file(join(targetDir, "a.txt")).text()).toBe("two");
  });

  test("an exact commit that is no longer the head is fetched; a second time without the network", async () => {
    const repoPath = bare();
    const options = { ...policy(), repoPath, url: url(), branch: "main", commit: first };
    expect((await fetchRepository(options)).hash).toBe(first);
    requests = [];
    expect((await fetchRepository(options)).message).toBe("first");
    expect(requests).toEqual([]);
  });

  test("an exact commit is found on its branch where the server hands out heads only", async () => {
    const repoPath = bare();
    requests = [];
    const old = { ...policy(), repoPath, url: url("/heads/app.git"), branch: "main" };
    expect((await fetchRepository({ ...old, commit: first })).hash).toBe(first);
    expect(requests.filter((path) => path.endsWith("/info/refs"))).toHaveLength(2);
  });

  test("a later fetch into the same repository follows the branch, also when it was rewritten", async () => {
    const repoPath = bare();
    const options = { ...policy(), repoPath, url: url(), branch: "moving" };
    const origin = join(folder.path, "host/ada/app.git");
    await git(origin, ["branch", "moving", "main"]);
    expect((await fetchRepository(options)).hash).toBe(head);
    await git(origin, ["branch", "--force", "moving", first]);
    expect((await fetchRepository(options)).hash).toBe(first);
  });

  test("the heads of a repository are listed, its own first choice apart", async () => {
    expect(await listRemote({ ...policy(), url: url() })).toMatchObject({ head: "main" });
    expect(await listRemote({ ...policy(), url: url("/ada/empty.git") })).toEqual({
      head: null,
      branches: [],
    });
  });

  test("an address that redirects to itself with .git works", async () => {
    const commit = await fetchRepository({
      ...policy(),
      repoPath: bare(),
      url: url("/gitlab/app"),
      branch: "main",
    });
    expect(commit.hash).toBe(head);
  });
});

describe("refusals are plain sentences", () => {
  const attempt = (path: string, more: object = {}) =>
    outcome(fetchRepository({ ...policy(), repoPath: bare(), url: url(path), branch: "main", ...more }));

  test("an unknown branch names those there are", async () => {
    const origin = join(folder.path, "host/ada/app.git");
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
        ...policy(),
        allowHosts: ["git.test"],
        repoPath: bare(),
        url: "https://git.test:9/a",
        branch: "main",
      }),
    );
    expect(closed).toEqual(["unavailable", "git.test could not be reached or did not answer properly"]);
  });

  test("a repository that is too large leaves nothing behind", async () => {
    const repoPath = bare();
    const big = { ...policy(), repoPath, url: url("/ada/big.git"), branch: "main", maxBytes: 1_000_000 };
    const [code, message] = await outcome(fetchRepository(big));
    expect([code, message]).toEqual([
      "too_large",
      `the repository ${url("/ada/big.git")} is larger than 977 KB`,
    ]);
    expect((await readdir(join(repoPath, "objects/pack"))).filter((name) => name.startsWith("tmp_"))).toEqual(
      [],
    );
  });

  test("a host that takes too long", async () => {
    const [code, message] = await attempt("/hang/app.git", { deadlineMs: 200 });
    expect([code, message]).toEqual([
      "unavailable",
      `the repository ${url("/hang/app.git")} could not be fetched in time`,
    ]);
  });

  test("an abort ends it with its reason", async () => {
    const controller = new AbortController();
    const started = fetchRepository({
      ...policy(),
      repoPath: bare(),
      url: url("/hang/app.git"),
      branch: "main",
      signal: controller.signal,
    });
    requests = [];
    while (requests.length === 0) await Bun.sleep(5);
    controller.abort(new Error("cancelled by ada"));
    expect((await outcome(started))[1]).toBe("cancelled by ada");
  });
});

describe("hostile addresses and names", () => {
  const canary = () => join(folder.path, "canary");

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
    requests = [];
    const [code, message] = await outcome(
      fetchRepository({ ...policy(), repoPath: bare(), url: hostile, branch: "main" }),
    );
    expect([code, message]).toEqual([
      "invalid_input",
      "repositoryUrl: must be an https:// address without user name and password",
    ]);
    expect(requests).toEqual([]);
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
    const [code] = await outcome(fetchRepository({ ...policy(), repoPath: bare(), url: url(), branch }));
    expect(code).toBe(branch === "+main" ? "deploy_failed" : "invalid_input");
  });

  test("shell text in a legal branch name and in the path is text", async () => {
    const origin = join(folder.path, "host/ada/app.git");
    for (const branch of ["$(touch${IFS}canary)", "`touch${IFS}canary`", "a;touch${IFS}canary;'\"|&"]) {
      await git(origin, ["branch", "--force", branch, "main"]);
      const repoPath = bare();
      expect((await fetchRepository({ ...policy(), repoPath, url: url(), branch })).hash).toBe(head);
      expect(await Bun.file(join(repoPath, "canary")).exists()).toBe(false);
      const path = `/ada/app.git$(touch\${IFS}${canary()})`;
      const [code] = await outcome(fetchRepository({ ...policy(), repoPath, url: url(path), branch }));
      expect(code).toBe("deploy_failed");
    }
    expect(await Bun.file(canary()).exists()).toBe(false);
  });

  test("a commit must be a full hash", async () => {
    for (const commit of ["--all", "HEAD", first.slice(0, 39), first.toUpperCase(), `${first}\n`]) {
      const [code] = await outcome(
        fetchRepository({ ...policy(), repoPath: bare(), url: url(), branch: "main", commit }),
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
    requests = [];
    const [code, message] = await outcome(
      fetchRepository({
        ...policy(),
        allowHosts: [],
        lookup: async () => [{ address }],
        repoPath: bare(),
        url: url(),
        branch: "main",
      }),
    );
    expect(code).toBe("forbidden");
    expect(message).toContain("git.test");
    expect(requests).toEqual([]);
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
  ])("%s in the address itself is refused", async (host) => {
    requests = [];
    const [code] = await outcome(
      fetchRepository({
        allowHosts: [],
        caFile,
        repoPath: bare(),
        url: `https://${host}:${server.port}/ada/app.git`,
        branch: "main",
      }),
    );
    expect(code).toBe("forbidden");
    expect(requests).toEqual([]);
  });

  test("an exception holds for its host and port alone", async () => {
    const other = { ...policy(), allowHosts: ["git.test:1", "test", "xgit.test", "ada.git.test"] };
    const [code] = await outcome(fetchRepository({ ...other, repoPath: bare(), url: url(), branch: "main" }));
    expect(code).toBe("forbidden");
  });

  test("a name is resolved once, so one that changes its mind (rebinding) is not asked again", async () => {
    let asked = 0;
    const rebinding: Lookup = async () => [{ address: ++asked === 1 ? "127.0.0.1" : "169.254.169.254" }];
    // `localhost` would resolve by itself; only the pin makes the checked address the one that is used.
    const commit = await fetchRepository({
      ...policy(),
      lookup: rebinding,
      repoPath: bare(),
      url: url(),
      branch: "main",
    });
    expect(commit.hash).toBe(head);
    expect(asked).toBe(1);
    const pinned = await outcome(
      fetchRepository({
        ...policy(),
        allowHosts: ["localhost"],
        lookup: async () => [{ address: "127.0.0.9" }],
        repoPath: bare(),
        url: `https://localhost:${server.port}/ada/app.git`,
        branch: "main",
      }),
    );
    expect(pinned[0]).toBe("unavailable");
  });

  test("a redirect to another host is not followed", async () => {
    const away = { ...policy(), repoPath: bare(), url: url("/away/app.git"), branch: "main" };
    expect(await outcome(fetchRepository(away))).toEqual([
      "deploy_failed",
      `${url("/away/app.git")} redirects to another address; use the repository's final address`,
    ]);
  });
});
