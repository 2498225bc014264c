import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Hono } from "hono";
import type { Actor } from "../domain/actor.ts";
import { silentLog } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { writeHookScripts } from "./hook-scripts.ts";
import { serveHookSocket } from "./hook-socket.ts";
import type { PushDeps, StartedDeployment } from "./push-answers.ts";
import { createPushes, type GitSite, type Push } from "./pushes.ts";
import { gitRemote } from "./remote.ts";
import { commitFiles, git, temporaryFolder } from "./testing.ts";

setDefaultTimeout(30_000);

// Real git at both ends, real hooks in processes of their own, real sockets. Only accounts and deployments are
// stand-ins: they belong to other parts.

const user = (name: string): Actor => ({
  kind: "user",
  userId: `usr_${name}`,
  username: name,
  isAdmin: false,
  via: "key",
  ip: null,
  userAgent: null,
});

interface Started {
  branch: string;
  commit: string;
  actor: Actor;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: ReturnType<typeof Bun.serve>;
let stopSocket: () => Promise<void>;
let started: Started[];
let ended: Push[];
let work: string;
let checkPush: PushDeps["checkPush"];
let follow: StartedDeployment["follow"];
let startDeployment: PushDeps["startDeployment"];

const repoPath = () => join(folder.path, "repos/site_1.git");
const hooksDir = () => join(folder.path, "run/hooks");
const remote = (slug = "shop", key = "key-ada") =>
  `http://anyone:${key}@127.0.0.1:${server.port}/git/${slug}.git`;

const serve = async (options: { maxPackBytes?: number } = {}) => {
  const log = silentLog;
  const pushes = createPushes();
  const close = pushes.close;
  pushes.close = (push) => {
    close(push);
    ended.push(push);
  };
  const socketPath = join(folder.path, "run/hooks.sock");
  await writeHookScripts(hooksDir());
  // What main.ts does for `git-hook`, without the rest of the program.
  const main = join(folder.path, "main.ts");
  await Bun.write(
    main,
    `const { runGitHook } = await import(${JSON.stringify(join(import.meta.dir, "hook-client.ts"))});
     process.exit(await runGitHook(process.argv[3], process.env, Bun.stdin.stream()));`,
  );
  stopSocket = await serveHookSocket({
    log,
    pushes,
    socketPath,
    checkPush: (push) => checkPush(push),
    startDeployment: (push) => startDeployment(push),
  });
  const app = new Hono().route(
    "/git",
    gitRemote({
      log,
      pushes,
      hooksDir: hooksDir(),
      socketPath,
      croftCommand: [process.execPath, main],
      maxPackBytes: options.maxPackBytes,
      authenticate: async (key, action) => {
        if (key === "key-reader" && action === "deploy")
          throw new AppError("forbidden", "this API key does not hold the scope deploy");
        return key.startsWith("key-") ? user(key.slice(4)) : null;
      },
      findSite: async (actor, slug): Promise<GitSite | null> =>
        slug === "shop" && actor.kind === "user" && actor.username !== "eve"
          ? { siteId: "site_1", slug, environmentId: "env_1", repoPath: repoPath(), branch: "main" }
          : null,
    }),
  );
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    maxRequestBodySize: 2 ** 31,
    fetch: (request) => app.fetch(request),
  });
};

beforeEach(async () => {
  folder = await temporaryFolder();
  work = join(folder.path, "work");
  started = [];
  ended = [];
  checkPush = async () => null;
  follow = async (onLine) => {
    onLine("build: step 1");
    return { ok: true, message: "http://shop.localhost" };
  };
  startDeployment = async ({ branch, commit, actor }) => {
    started.push({ branch, commit, actor });
    return { deploymentId: "dep_1", follow: (onLine, signal) => follow(onLine, signal) };
  };
  await serve();
});

afterEach(async () => {
  await stopSocket();
  await server.stop(true);
  await folder[Symbol.asyncDispose]();
});

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await Bun.sleep(10);
};
const push = (...args: string[]) => git(work, ["push", remote(), ...args], { mustWork: false });
const remoteRefs = async () =>
  (await git("/", ["ls-remote", remote()])).text.trim().split("\n").filter(Boolean);

describe("a push of the deploying branch", () => {
  test("starts a deployment of its commit, shows the log and ends with the address", async () => {
    const hash = await commitFiles(work, { "index.html": "hi" });
    const { exitCode, text } = await push("main");
    expect(exitCode).toBe(0);
    expect(started).toEqual([{ branch: "main", commit: hash, actor: user("ada") }]);
    expect(text).toContain(`remote: Deploying main (${hash.slice(0, 10)}) to shop, dep_1`);
    expect(text).toContain("remote: build: step 1");
    expect(text).toContain("remote: Live: http://shop.localhost");
    expect(await remoteRefs()).toContain(`${hash}\trefs/heads/main`);
  });

  test("shows each line while the deployment still runs", async () => {
    const more = Promise.withResolvers<void>();
    follow = async (onLine) => {
      onLine("first line");
      await more.promise;
      onLine("second line");
      return { ok: true, message: "done" };
    };
    await commitFiles(work, { a: "" });
    const child = Bun.spawn(["git", "push", remote(), "main"], {
      cwd: work,
      stdin: "ignore",
      stderr: "pipe",
    });
    let seen = "";
    for await (const chunk of child.stderr) {
      seen += new TextDecoder().decode(chunk);
      if (seen.includes("first line") && !seen.includes("second line")) more.resolve();
    }
    expect(await child.exited).toBe(0);
    expect(seen).toContain("second line");
  });

  test("ends with the reason when the deployment fails; the commit is kept", async () => {
    follow = async () => ({ ok: false, message: "the app never answered on port 3000" });
    const hash = await commitFiles(work, { a: "" });
    const { exitCode, text } = await push("main");
    expect(exitCode).toBe(0);
    expect(text).toContain("remote: Deploy failed: the app never answered on port 3000");
    expect(await remoteRefs()).toContain(`${hash}\trefs/heads/main`);
  });

  test("is refused with the reason when the deploy cannot start, and no ref moves", async () => {
    checkPush = async () => "the site is stopped; start it first";
    await commitFiles(work, { a: "" });
    const { exitCode, text } = await push("main");
    expect(exitCode).toBe(1);
    expect(text).toContain("remote: Refused: the site is stopped; start it first");
    expect(text).toContain("pre-receive hook declined");
    expect(await remoteRefs()).toEqual([]);
    expect(started).toEqual([]);
  });

  test("an error inside is told in public words only", async () => {
    startDeployment = async () => {
      throw new Error("secret path /data/croft.db");
    };
    await commitFiles(work, { a: "" });
    const { text } = await push("main");
    expect(text).toContain("Not deployed: something went wrong inside Croft");
    expect(text).not.toContain("croft.db");
    checkPush = async () => {
      throw new AppError("engine_unavailable", "Docker is not running");
    };
    await commitFiles(work, { a: "2" });
    const second = await push("main");
    expect(second.exitCode).toBe(1);
    expect(second.text).toContain("Refused: Docker is not running");
  });

  test("lines are plain: no escape sequences, one line each, not endless", async () => {
    follow = async (onLine) => {
      onLine("\x1b]0;owned\x07\x1b[31mred\x1b[0m\x9b2J \u202eevil");
      onLine("10%\r50%\r100%");
      onLine("x".repeat(5000));
      return { ok: true, message: "a\nremote: b" };
    };
    await commitFiles(work, { a: "" });
    const { text } = await push("main");
    expect(text).not.toMatch(/[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x80-\x9f\u202e]|\x1b\]|\x1b\[31m/);
    expect(text).toContain("remote: 100%");
    expect(text).not.toContain("50%");
    expect(text).not.toContain("x".repeat(501));
    expect(text).toContain("Live: a  remote: b");
  });

  test("may be forced, deleted and pushed again", async () => {
    await commitFiles(work, { a: "1" });
    await push("main");
    await git(work, ["commit", "--quiet", "--amend", "-m", "rewritten"]);
    const rewritten = (await git(work, ["rev-parse", "HEAD"])).text.trim();
    expect((await push("main")).exitCode).toBe(1);
    expect((await push("--force", "main")).exitCode).toBe(0);
    expect(started.at(-1)?.commit).toBe(rewritten);
    const deleted = await push("--delete", "main");
    expect(deleted.exitCode).toBe(0);
    expect(deleted.text).toContain("remote: branch main deleted; what is live stays live");
    expect(started).toHaveLength(2);
    expect((await push("main")).exitCode).toBe(0);
    expect(started).toHaveLength(3);
  });
});

describe("pushes that deploy nothing are accepted and say so", () => {
  test("another branch", async () => {
    const hash = await commitFiles(work, { a: "" }, { branch: "master" });
    const { exitCode, text } = await push("master");
    expect(exitCode).toBe(0);
    expect(text).toContain(
      "remote: branch master received, nothing deployed: this site deploys branch main (git push <remote> master:main)",
    );
    expect(started).toEqual([]);
    expect(await remoteRefs()).toEqual([`${hash}\trefs/heads/master`]);
  });

  test("a tag, also when it points at what is deployed or bears the branch's name", async () => {
    await commitFiles(work, { a: "" });
    await git(work, ["tag", "main"]);
    const { exitCode, text } = await push("refs/tags/main");
    expect(exitCode).toBe(0);
    expect(text).toContain("remote: tag main received; tags deploy nothing");
    expect(started).toEqual([]);
  });

  test("together with the deploying branch each gets its remark, and one deployment starts", async () => {
    await commitFiles(work, { a: "" });
    await git(work, ["branch", "next"]);
    await git(work, ["tag", "v1"]);
    const { text } = await push("main", "next", "v1");
    expect(text).toContain("branch next received, nothing deployed");
    expect(text).toContain("tag v1 received");
    expect(text).toContain("Live:");
    expect(started).toHaveLength(1);
  });
});

describe("who may", () => {
  test("nobody without a key, or with a wrong one", async () => {
    await commitFiles(work, { a: "" });
    const bare = await fetch(
      `http://127.0.0.1:${server.port}/git/shop.git/info/refs?service=git-receive-pack`,
    );
    expect([bare.status, bare.headers.get("www-authenticate")]).toEqual([
      401,
      'Basic realm="Croft", charset="UTF-8"',
    ]);
    const { exitCode, text } = await git(work, ["push", remote("shop", "wrong"), "main"], {
      mustWork: false,
    });
    expect(exitCode).not.toBe(0);
    expect(text).toContain("remote: the API key is wrong, expired or revoked");
  });

  test("a site of somebody else answers as one that does not exist", async () => {
    await commitFiles(work, { a: "" });
    const texts: string[] = [];
    for (const url of [remote("shop", "key-eve"), remote("nope", "key-eve")]) {
      const { exitCode, text } = await git(work, ["push", url, "main"], { mustWork: false });
      expect(exitCode).not.toBe(0);
      texts.push(text.replaceAll("shop", "SLUG").replaceAll("nope", "SLUG"));
    }
    expect(texts[0]).toBe(texts[1]!);
    expect(texts[0]).toContain("remote: site SLUG was not found, or you may not push to it");
    expect(await readdir(join(folder.path)).then((names) => names.includes("repos"))).toBe(false);
  });

  test("a key without the scope may fetch and not push, and is told", async () => {
    await commitFiles(work, { a: "" });
    await push("main");
    const reader = remote("shop", "key-reader");
    expect((await git(work, ["ls-remote", reader])).exitCode).toBe(0);
    const { exitCode, text } = await git(work, ["push", reader, "main:main"], { mustWork: false });
    expect(exitCode).not.toBe(0);
    expect(text).toContain("remote: this API key does not hold the scope deploy");
  });

  test("every address but those of the smart protocol leads nowhere", async () => {
    await commitFiles(work, { a: "" });
    await push("main");
    const headers = { authorization: `Basic ${btoa("x:key-ada")}` };
    for (const path of [
      "shop.git/HEAD",
      "shop.git/config",
      "shop.git/info/refs",
      "shop.git/info/refs?service=git-upload-archive",
      "shop.git/objects/info/packs",
      "../git/..%2fsite_1.git/info/refs?service=git-upload-pack",
      "%2e%2e/info/refs?service=git-upload-pack",
      "shop.git%00/info/refs?service=git-upload-pack",
      "SHOP.git/info/refs?service=git-upload-pack",
      "shop/info/refs?service=git-upload-pack",
    ]) {
      const answer = await fetch(`http://127.0.0.1:${server.port}/git/${path}`, { headers });
      expect([path, [403, 404].includes(answer.status)]).toEqual([path, true]);
    }
  });
});

describe("a pusher who leaves", () => {
  /** Starts a push; the function it returns is Ctrl-C at the pusher's terminal, which reaches all of git's processes. */
  const pushAndLeave = () => {
    const child = Bun.spawn(["git", "push", remote(), "main"], {
      cwd: work,
      stdin: "ignore",
      stderr: "ignore",
      detached: true,
    });
    return () => process.kill(-child.pid, "SIGINT");
  };

  test("during the log ends the following and the processes, not the deployment", async () => {
    const showing = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    let finished = false;
    follow = async (onLine, signal) => {
      onLine("building");
      showing.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      left.resolve();
      // the deployment's own work does not hang on the follower's signal
      await Bun.sleep(20);
      finished = true;
      return { ok: true, message: "later" };
    };
    await commitFiles(work, { a: "" });
    const leave = pushAndLeave();
    await showing.promise;
    leave();
    await left.promise;
    await until(() => ended.length === 1 && finished);
    expect(started).toHaveLength(1);
    expect(await remoteRefs()).toHaveLength(2);
  });

  test("between acceptance and the refs' move is not waited for, but the deployment starts", async () => {
    const moving = join(folder.path, "moving");
    await Bun.write(join(hooksDir(), "update"), `#!/bin/sh\ntouch ${moving}\nsleep 1\n`);
    await chmod(join(hooksDir(), "update"), 0o700);
    const hash = await commitFiles(work, { a: "" });
    const leave = pushAndLeave();
    await until(() => Bun.file(moving).exists());
    leave();
    await until(() => ended.length > 0 && started.length === 1);
    expect(started[0]!.commit).toBe(hash);
    expect(await remoteRefs()).toContain(`${hash}\trefs/heads/main`);
  });

  test("in the middle of the pack leaves nothing behind", async () => {
    const headers = {
      authorization: `Basic ${btoa("x:key-ada")}`,
      "content-type": "application/x-git-receive-pack-request",
    };
    const controller = new AbortController();
    const zero = "0".repeat(40);
    const command = `${zero} ${"1".repeat(40)} refs/heads/main\0 report-status`;
    const head = `${(command.length + 4).toString(16).padStart(4, "0")}${command}0000PACK\0\0\0\x02\0\0\0\x09`;
    const reached = Promise.withResolvers<void>();
    const body = new ReadableStream({
      async start(stream) {
        stream.enqueue(Buffer.from(head, "latin1"));
        await until(async () =>
          (await readdir(join(repoPath(), "objects")).catch(() => [])).some((name) =>
            name.includes("incoming"),
          ),
        );
        reached.resolve();
      },
    });
    const url = `http://127.0.0.1:${server.port}/git/shop.git/git-receive-pack`;
    const call = fetch(url, { method: "POST", headers, body, signal: controller.signal }).catch(() => null);
    await reached.promise;
    console.log("reached");
    controller.abort();
    await call;
    await until(() => ended.length === 1);
    console.log("ended", await readdir(join(repoPath(), "objects")));
    await until(
      async () => !(await readdir(join(repoPath(), "objects"))).some((name) => name.includes("incoming")),
    );
    expect(await remoteRefs()).toEqual([]);
  });
});

describe("what is pushed", () => {
  test("branch names that are shell text stay text", async () => {
    await commitFiles(work, { a: "" });
    const canary = join(folder.path, "canary");
    const names = [
      "$(touch${IFS}canary)",
      "`touch${IFS}canary`",
      "a;touch${IFS}canary",
      "'\"|&",
      "-n",
      "--help",
    ];
    for (const name of names) {
      const { exitCode } = await git(work, ["push", remote(), `HEAD:refs/heads/${name}`], {
        mustWork: false,
      });
      expect([name, exitCode]).toEqual([name, 0]);
    }
    expect(await Bun.file(canary).exists()).toBe(false);
    expect(await Bun.file(join(repoPath(), "canary")).exists()).toBe(false);
    expect(await remoteRefs()).toHaveLength(names.length);
  });

  test("trees that would leave their folder, and submodule addresses that are options, are refused", async () => {
    await commitFiles(work, { ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n' });
    const modules = await push("main");
    expect(modules.exitCode).toBe(1);
    expect(modules.text).toContain("gitmodulesUrl");
    const inner = (await git(work, ["rev-parse", "HEAD^{tree}"])).text.trim();
    const file = join(folder.path, "tree");
    await Bun.write(file, Buffer.concat([Buffer.from("40000 ..\0"), Buffer.from(inner, "hex")]));
    const tree = (await git(work, ["hash-object", "-t", "tree", "--literally", "-w", file])).text.trim();
    const commit = (await git(work, ["commit-tree", "-m", "evil", tree])).text.trim();
    const parent = await push(`${commit}:refs/heads/main`);
    expect(parent.exitCode).toBe(1);
    expect(parent.text).toContain("hasDotdot");
    expect(started).toEqual([]);
  });

  test("hidden refs can be neither seen nor written", async () => {
    const hash = await commitFiles(work, { a: "" });
    await push("main");
    await git(repoPath(), ["update-ref", "refs/croft/fetched/x", hash]);
    expect((await remoteRefs()).join()).not.toContain("croft");
    const { exitCode, text } = await push("HEAD:refs/croft/fetched/x2");
    expect(exitCode).toBe(1);
    expect(text).toContain("hidden ref");
  });

  test("clones, fetches and shallow pushes work", async () => {
    await commitFiles(work, { a: "1" });
    await commitFiles(work, { a: "2" });
    await push("main");
    const clone = join(folder.path, "clone");
    await git("/", ["clone", "--quiet", "--depth=1", remote(), clone]);
    expect(await Bun.file(join(clone, "a")).text()).toBe("2");
    const hash = await commitFiles(clone, { a: "3" });
    expect((await git(clone, ["push", remote(), "main"])).exitCode).toBe(0);
    expect(started.at(-1)?.commit).toBe(hash);
    // a long list of wanted and known commits makes git compress its request
    for (let i = 0; i < 40; i++) {
      await commitFiles(work, { b: String(i) });
      await git(work, ["branch", `b${i}`]);
    }
    await push("--all", "--force");
    await git(clone, ["fetch", "--quiet", remote(), "refs/heads/*:refs/remotes/all/*"]);
    expect((await git(clone, ["branch", "--remotes"])).text).toContain("all/b39");
  });

  test("a push into a repository that holds a shallow fetch works", async () => {
    const first = await commitFiles(work, { a: "1" });
    const second = await commitFiles(work, { a: "2" });
    await remoteRefs();
    await git(repoPath(), ["fetch", "--quiet", "--depth=1", work, "+refs/heads/main:refs/croft/fetched/x"], {
      env: { GIT_ALLOW_PROTOCOL: "file" },
    });
    expect((await push("main")).exitCode).toBe(0);
    expect((await push(`${first}:refs/heads/old`)).exitCode).toBe(0);
    expect(started[0]?.commit).toBe(second);
  });

  test("more than the limit is refused with its reason", async () => {
    await stopSocket();
    await server.stop(true);
    await serve({ maxPackBytes: 100_000 });
    await commitFiles(work, { big: crypto.getRandomValues(new Uint8Array(60_000)).toHex() + "x".repeat(9) });
    for (let i = 0; i < 4; i++)
      await commitFiles(work, { [`n${i}`]: crypto.getRandomValues(new Uint8Array(60_000)) });
    const announced = await push("main");
    expect(announced.exitCode).toBe(1);
    expect(announced.text).toContain("HTTP 413");
    const chunked = await git(work, ["-c", "http.postBuffer=65536", "push", remote(), "main"], {
      mustWork: false,
    });
    expect(chunked.exitCode).toBe(1);
    expect(chunked.text).toContain("pack exceeds maximum allowed size");
    expect(await remoteRefs()).toEqual([]);
  });

  test("50 MB go through without being held in memory", async () => {
    await git("/", ["init", "--quiet", "--initial-branch=main", work]);
    const big = Bun.spawn(["dd", "if=/dev/urandom", `of=${join(work, "big")}`, "bs=1M", "count=50"], {
      stderr: "ignore",
    });
    await big.exited;
    const hash = await commitFiles(work, {});
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    let peak = before;
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
    const { exitCode } = await push("main");
    clearInterval(sampling);
    expect(exitCode).toBe(0);
    expect(started[0]?.commit).toBe(hash);
    expect((peak - before) / 1024 / 1024).toBeLessThan(40);
  }, 60_000);
});

describe("the hook socket", () => {
  test("belongs to the daemon's user alone, and knows running pushes only", async () => {
    const path = join(folder.path, "run/hooks.sock");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(hooksDir())).mode & 0o777).toBe(0o700);
    for (const request of [
      { token: "0".repeat(64), hook: "post-receive", updates: [] },
      { token: "", hook: "pre-receive", updates: [] },
      { hook: "other" },
      "text",
    ]) {
      const answer = Promise.withResolvers<string>();
      let text = "";
      await Bun.connect({
        unix: path,
        socket: {
          open: (socket) => void socket.write(`${JSON.stringify(request)}\n`),
          data: (_, chunk) => void (text += chunk.toString()),
          close: () => answer.resolve(text),
        },
      });
      expect(await answer.promise).toBe('{"line":"this push is not known to Croft"}\n{"exit":1}\n');
    }
    expect(started).toEqual([]);
  });

  test("a daemon that is away refuses pushes before refs move", async () => {
    await commitFiles(work, { a: "" });
    await stopSocket();
    const { exitCode, text } = await push("main");
    expect(exitCode).toBe(1);
    expect(text).toContain("Croft could not be asked whether this push may deploy");
    expect(await remoteRefs()).toEqual([]);
  });

  test("run by hand, the hook says what it is", async () => {
    const child = Bun.spawn([process.execPath, join(folder.path, "main.ts"), "git-hook", "pre-receive"], {
      stdin: "ignore",
      stderr: "pipe",
      env: { PATH: process.env.PATH },
    });
    expect(await child.exited).toBe(2);
    expect(await new Response(child.stderr).text()).toContain("not by hand");
  });
});
