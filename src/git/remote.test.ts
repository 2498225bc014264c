import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { AppError } from "../errors.ts";
import { commitFiles, git } from "./testing/client.ts";
import { type PushRig, pushRig, user } from "./testing/push-rig.ts";

setDefaultTimeout(30_000);

let rig: PushRig;
beforeEach(async () => {
  rig = await pushRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

describe("a push of the deploying branch", () => {
  test("starts a deployment of its commit, shows the log and ends with the address", async () => {
    const hash = await commitFiles(rig.work, { "index.html": "hi" });
    const { exitCode, text } = await rig.push("main");
    expect(exitCode).toBe(0);
    expect(rig.started).toEqual([{ branch: "main", commit: hash, actor: user("ada") }]);
    expect(text).toContain(`remote: Deploying main (${hash.slice(0, 10)}) to shop, dep_1`);
    expect(text).toContain("remote: build: step 1");
    expect(text).toContain("remote: Live: http://shop.localhost");
    expect(await rig.refs()).toContain(`${hash}\trefs/heads/main`);
  });

  test("shows each line while the deployment still runs", async () => {
    const more = Promise.withResolvers<void>();
    rig.answers.follow = async (onLine) => {
      onLine("first line");
      await more.promise;
      onLine("second line");
      return { ok: true, message: "done" };
    };
    await commitFiles(rig.work, { a: "" });
    const child = Bun.spawn(["git", "push", rig.url(), "main"], {
      cwd: rig.work,
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
    rig.answers.follow = async () => ({ ok: false, message: "the app never answered on port 3000" });
    const hash = await commitFiles(rig.work, { a: "" });
    const { exitCode, text } = await rig.push("main");
    expect(exitCode).toBe(0);
    expect(text).toContain("remote: Deploy failed: the app never answered on port 3000");
    expect(await rig.refs()).toContain(`${hash}\trefs/heads/main`);
  });

  test("is refused with the reason when the deploy cannot start, and no ref moves", async () => {
    rig.answers.checkPush = async () => "the site is stopped; start it first";
    await commitFiles(rig.work, { a: "" });
    const { exitCode, text } = await rig.push("main");
    expect(exitCode).toBe(1);
    expect(text).toContain("remote: Refused: the site is stopped; start it first");
    expect(text).toContain("pre-receive hook declined");
    expect(await rig.refs()).toEqual([]);
    expect(rig.started).toEqual([]);
  });

  test("an error inside is told in public words only", async () => {
    rig.answers.startDeployment = async () => {
      throw new Error("secret path /data/croft.db");
    };
    await commitFiles(rig.work, { a: "" });
    const { text } = await rig.push("main");
    expect(text).toContain("Not deployed: something went wrong inside Croft");
    expect(text).not.toContain("croft.db");
    rig.answers.checkPush = async () => {
      throw new AppError("engine_unavailable", "Docker is not running");
    };
    await commitFiles(rig.work, { a: "2" });
    const second = await rig.push("main");
    expect(second.exitCode).toBe(1);
    expect(second.text).toContain("Refused: Docker is not running");
  });

  test("lines are plain: no escape sequences, one line each, not endless", async () => {
    rig.answers.follow = async (onLine) => {
      onLine("\x1b]0;owned\x07\x1b[31mred\x1b[0m\x9b2J \u202eevil");
      onLine("10%\r50%\r100%");
      onLine("x".repeat(5000));
      return { ok: true, message: "a\nremote: b" };
    };
    await commitFiles(rig.work, { a: "" });
    const { text } = await rig.push("main");
    expect(text).not.toMatch(/[\x00-\x09\x0b\x0c\x0e-\x1a\x1c-\x1f\x80-\x9f\u202e]|\x1b\]|\x1b\[31m/);
    expect(text).toContain("remote: 100%");
    expect(text).not.toContain("50%");
    expect(text).not.toContain("x".repeat(501));
    expect(text).toContain("Live: a  remote: b");
  });

  test("may be forced, deleted and pushed again", async () => {
    await commitFiles(rig.work, { a: "1" });
    await rig.push("main");
    await git(rig.work, ["commit", "--quiet", "--amend", "-m", "rewritten"]);
    const rewritten = (await git(rig.work, ["rev-parse", "HEAD"])).text.trim();
    expect((await rig.push("main")).exitCode).toBe(1);
    expect((await rig.push("--force", "main")).exitCode).toBe(0);
    expect(rig.started.at(-1)?.commit).toBe(rewritten);
    const deleted = await rig.push("--delete", "main");
    expect(deleted.exitCode).toBe(0);
    expect(deleted.text).toContain("remote: branch main deleted; what is live stays live");
    expect(rig.started).toHaveLength(2);
    expect((await rig.push("main")).exitCode).toBe(0);
    expect(rig.started).toHaveLength(3);
  });
});

describe("pushes that deploy nothing are accepted and say so", () => {
  test("another branch", async () => {
    const hash = await commitFiles(rig.work, { a: "" }, { branch: "master" });
    const { exitCode, text } = await rig.push("master");
    expect(exitCode).toBe(0);
    expect(text).toContain(
      "remote: branch master received, nothing deployed: this site deploys branch main (git push <remote> master:main)",
    );
    expect(rig.started).toEqual([]);
    expect(await rig.refs()).toEqual([`${hash}\trefs/heads/master`]);
  });

  test("a tag, also when it points at what is deployed or bears the branch's name", async () => {
    await commitFiles(rig.work, { a: "" });
    await git(rig.work, ["tag", "main"]);
    const { exitCode, text } = await rig.push("refs/tags/main");
    expect(exitCode).toBe(0);
    expect(text).toContain("remote: tag main received; tags deploy nothing");
    expect(rig.started).toEqual([]);
  });

  test("the deploying branch, where deploying at each push is switched off", async () => {
    rig.answers.autoDeploy = false;
    const hash = await commitFiles(rig.work, { a: "" });
    const { exitCode, text } = await rig.push("main");
    expect(exitCode).toBe(0);
    expect(text).toContain("switched off for this site: croft deploy shop");
    expect(rig.started).toEqual([]);
    expect(await rig.refs()).toContain(`${hash}\trefs/heads/main`);
  });

  test("together with the deploying branch each gets its remark, and one deployment starts", async () => {
    await commitFiles(rig.work, { a: "" });
    await git(rig.work, ["branch", "next"]);
    await git(rig.work, ["tag", "v1"]);
    const { text } = await rig.push("main", "next", "v1");
    expect(text).toContain("branch next received, nothing deployed");
    expect(text).toContain("tag v1 received");
    expect(text).toContain("Live:");
    expect(rig.started).toHaveLength(1);
  });
});

describe("who may", () => {
  test("nobody without a key, or with a wrong one", async () => {
    await commitFiles(rig.work, { a: "" });
    const bare = await fetch(`http://127.0.0.1:${rig.port}/git/shop.git/info/refs?service=git-receive-pack`);
    expect([bare.status, bare.headers.get("www-authenticate")]).toEqual([
      401,
      'Basic realm="Croft", charset="UTF-8"',
    ]);
    const { exitCode, text } = await git(rig.work, ["push", rig.url("shop", "wrong"), "main"], {
      mustWork: false,
    });
    expect(exitCode).not.toBe(0);
    expect(text).toContain("remote: the API key is wrong, expired or revoked");
  });

  test("a site of somebody else answers as one that does not exist", async () => {
    await commitFiles(rig.work, { a: "" });
    const texts: string[] = [];
    for (const url of [rig.url("shop", "key-eve"), rig.url("nope", "key-eve")]) {
      const { exitCode, text } = await git(rig.work, ["push", url, "main"], { mustWork: false });
      expect(exitCode).not.toBe(0);
      texts.push(text.replaceAll("shop", "SLUG").replaceAll("nope", "SLUG"));
    }
    expect(texts[0]).toBe(texts[1]!);
    expect(texts[0]).toContain("remote: site SLUG was not found, or you may not push to it");
    expect(await readdir(rig.folder)).not.toContain("repos");
  });

  test("a key without the scope may fetch and not push, and is told", async () => {
    await commitFiles(rig.work, { a: "" });
    await rig.push("main");
    const reader = rig.url("shop", "key-reader");
    expect((await git(rig.work, ["ls-remote", reader])).exitCode).toBe(0);
    const { exitCode, text } = await git(rig.work, ["push", reader, "main:main"], { mustWork: false });
    expect(exitCode).not.toBe(0);
    expect(text).toContain("remote: this API key does not hold the scope deploy");
  });

  test("every address but those of the smart protocol leads nowhere", async () => {
    await commitFiles(rig.work, { a: "" });
    await rig.push("main");
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
      const answer = await fetch(`http://127.0.0.1:${rig.port}/git/${path}`, { headers });
      expect([path, [403, 404].includes(answer.status)]).toEqual([path, true]);
    }
  });
});
