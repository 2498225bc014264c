import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { commitFiles, git } from "./testing/client.ts";
import { type PushRig, pushRig } from "./testing/push-rig.ts";

setDefaultTimeout(30_000);

let rig: PushRig;
beforeEach(async () => {
  rig = await pushRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

describe("what is pushed", () => {
  test("branch names that are shell text stay text", async () => {
    await commitFiles(rig.work, { a: "" });
    const canary = join(rig.folder, "canary");
    const names = [
      "$(touch${IFS}canary)",
      "`touch${IFS}canary`",
      "a;touch${IFS}canary",
      "'\"|&",
      "-n",
      "--help",
    ];
    for (const name of names) {
      const { exitCode } = await git(rig.work, ["push", rig.url(), `HEAD:refs/heads/${name}`], {
        mustWork: false,
      });
      expect([name, exitCode]).toEqual([name, 0]);
    }
    expect(await Bun.file(canary).exists()).toBe(false);
    expect(await Bun.file(join(rig.repoPath, "canary")).exists()).toBe(false);
    expect(await rig.refs()).toHaveLength(names.length);
  });

  test("trees that would leave their folder, and submodule addresses that are options, are refused", async () => {
    await commitFiles(rig.work, {
      ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch\n',
    });
    const modules = await rig.push("main");
    expect(modules.exitCode).toBe(1);
    expect(modules.text).toContain("gitmodulesUrl");
    const inner = (await git(rig.work, ["rev-parse", "HEAD^{tree}"])).text.trim();
    const file = join(rig.folder, "tree");
    await Bun.write(file, Buffer.concat([Buffer.from("40000 ..\0"), Buffer.from(inner, "hex")]));
    const tree = (await git(rig.work, ["hash-object", "-t", "tree", "--literally", "-w", file])).text.trim();
    const commit = (await git(rig.work, ["commit-tree", "-m", "evil", tree])).text.trim();
    const parent = await rig.push(`${commit}:refs/heads/main`);
    expect(parent.exitCode).toBe(1);
    expect(parent.text).toContain("hasDotdot");
    expect(rig.started).toEqual([]);
  });

  test("hidden refs can be neither seen nor written", async () => {
    const hash = await commitFiles(rig.work, { a: "" });
    await rig.push("main");
    await git(rig.repoPath, ["update-ref", "refs/croft/fetched/x", hash]);
    expect((await rig.refs()).join()).not.toContain("croft");
    const { exitCode, text } = await rig.push("HEAD:refs/croft/fetched/x2");
    expect(exitCode).toBe(1);
    expect(text).toContain("hidden ref");
  });

  test("clones, fetches and shallow pushes work", async () => {
    await commitFiles(rig.work, { a: "1" });
    await commitFiles(rig.work, { a: "2" });
    await rig.push("main");
    const clone = join(rig.folder, "clone");
    await git("/", ["clone", "--quiet", "--depth=1", rig.url(), clone]);
    expect(await Bun.file(join(clone, "a")).text()).toBe("2");
    const hash = await commitFiles(clone, { a: "3" });
    expect((await git(clone, ["push", rig.url(), "main"])).exitCode).toBe(0);
    expect(rig.started.at(-1)?.commit).toBe(hash);
    // a long list of wanted and known commits makes git compress its request
    for (let i = 0; i < 40; i++) {
      await commitFiles(rig.work, { b: String(i) });
      await git(rig.work, ["branch", `b${i}`]);
    }
    await rig.push("--all", "--force");
    await git(clone, ["fetch", "--quiet", rig.url(), "refs/heads/*:refs/remotes/all/*"]);
    expect((await git(clone, ["branch", "--remotes"])).text).toContain("all/b39");
  });

  test("a push into a repository that holds a shallow fetch works", async () => {
    const first = await commitFiles(rig.work, { a: "1" });
    const second = await commitFiles(rig.work, { a: "2" });
    await rig.refs();
    await git(
      rig.repoPath,
      ["fetch", "--quiet", "--depth=1", rig.work, "+refs/heads/main:refs/croft/fetched/x"],
      {
        env: { GIT_ALLOW_PROTOCOL: "file" },
      },
    );
    expect((await rig.push("main")).exitCode).toBe(0);
    expect((await rig.push(`${first}:refs/heads/old`)).exitCode).toBe(0);
    expect(rig.started[0]?.commit).toBe(second);
  });

  test("more than the limit is refused with its reason", async () => {
    await rig[Symbol.asyncDispose]();
    rig = await pushRig({ maxPackBytes: 100_000 });
    await commitFiles(rig.work, {
      big: crypto.getRandomValues(new Uint8Array(60_000)).toHex() + "x".repeat(9),
    });
    for (let i = 0; i < 4; i++)
      await commitFiles(rig.work, { [`n${i}`]: crypto.getRandomValues(new Uint8Array(60_000)) });
    const announced = await rig.push("main");
    expect(announced.exitCode).toBe(1);
    expect(announced.text).toContain("HTTP 413");
    const chunked = await git(rig.work, ["-c", "http.postBuffer=65536", "push", rig.url(), "main"], {
      mustWork: false,
    });
    expect(chunked.exitCode).toBe(1);
    expect(chunked.text).toContain("pack exceeds maximum allowed size");
    expect(await rig.refs()).toEqual([]);
  });

  test("a repository that is full takes no more pushes, and says so; fetching goes on", async () => {
    rig = await pushRig({ maxRepositoryBytes: 200_000 });
    await commitFiles(rig.work, { a: crypto.getRandomValues(new Uint8Array(250_000)) });
    expect((await rig.push("main")).exitCode).toBe(0);
    await commitFiles(rig.work, { b: "little" });
    const refused = await rig.push("main");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.text).toContain("at most 195 KB are allowed");
    expect(await rig.refs()).toHaveLength(2);
  });

  test("120 MB go through without being held in memory", async () => {
    await git("/", ["init", "--quiet", "--initial-branch=main", rig.work]);
    await git(rig.work, ["config", "core.compression", "0"]);
    const big = Bun.spawn(["dd", "if=/dev/urandom", `of=${join(rig.work, "big")}`, "bs=1M", "count=120"], {
      stderr: "ignore",
    });
    await big.exited;
    const hash = await commitFiles(rig.work, {});
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    let peak = before;
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
    const { exitCode } = await rig.push("main");
    clearInterval(sampling);
    expect(exitCode).toBe(0);
    expect(rig.started[0]?.commit).toBe(hash);
    expect((peak - before) / 1024 / 1024).toBeLessThan(80);
  }, 60_000);
});
