import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { commitFiles } from "./testing/client.ts";
import { type PushRig, pushRig, until } from "./testing/push-rig.ts";

setDefaultTimeout(30_000);

let rig: PushRig;
beforeEach(async () => {
  rig = await pushRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

describe("a pusher who leaves", () => {
  /** Starts a push; the function it returns is Ctrl-C at the pusher's terminal, which reaches all of git's processes. */
  const pushAndLeave = () => {
    const child = Bun.spawn(["git", "push", rig.url(), "main"], {
      cwd: rig.work,
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
    rig.answers.follow = async (onLine, signal) => {
      onLine("building");
      showing.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      left.resolve();
      // the deployment's own work does not hang on the follower's signal
      await Bun.sleep(20);
      finished = true;
      return { ok: true, message: "later" };
    };
    await commitFiles(rig.work, { a: "" });
    const leave = pushAndLeave();
    await showing.promise;
    leave();
    await left.promise;
    await until(() => rig.ended.length === 1 && finished);
    expect(rig.started).toHaveLength(1);
    expect(await rig.refs()).toHaveLength(2);
  });

  test("between acceptance and the refs' move is not waited for, but the deployment starts", async () => {
    const moving = join(rig.folder, "moving");
    await Bun.write(join(rig.hooksDir, "update"), `#!/bin/sh\ntouch ${moving}\nsleep 1\n`);
    await chmod(join(rig.hooksDir, "update"), 0o700);
    const hash = await commitFiles(rig.work, { a: "" });
    const leave = pushAndLeave();
    await until(() => Bun.file(moving).exists());
    leave();
    await until(() => rig.ended.length > 0 && rig.started.length === 1);
    expect(rig.started[0]!.commit).toBe(hash);
    expect(await rig.refs()).toContain(`${hash}\trefs/heads/main`);
  });

  test("in the middle of the pack, or falls silent there, leaves nothing behind", async () => {
    for (const stallMs of [undefined, 200]) {
      await rig[Symbol.asyncDispose]();
      rig = await pushRig({ stallMs });
      const controller = new AbortController();
      const quarantine = async () =>
        (await readdir(join(rig.repoPath, "objects")).catch(() => [])).filter((name) =>
          name.includes("incoming"),
        );
      const command = `${"0".repeat(40)} ${"1".repeat(40)} refs/heads/main\0 report-status`;
      const head = `${(command.length + 4).toString(16).padStart(4, "0")}${command}0000PACK\0\0\0\x02\0\0\0\x09`;
      const call = fetch(`http://127.0.0.1:${rig.port}/git/shop.git/git-receive-pack`, {
        method: "POST",
        headers: {
          authorization: `Basic ${btoa("x:key-ada")}`,
          "content-type": "application/x-git-receive-pack-request",
        },
        // never ends
        body: new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from(head, "latin1")) }),
        signal: controller.signal,
      }).catch(() => null);
      await until(async () => (await quarantine()).length === 1);
      if (stallMs === undefined) controller.abort();
      await until(() => rig.ended.length === 1);
      await until(async () => (await quarantine()).length === 0);
      controller.abort();
      await call;
      expect(await rig.refs()).toEqual([]);
    }
  });
});

describe("the hook socket", () => {
  test("belongs to the daemon's user alone, and knows running pushes only", async () => {
    const path = rig.socketPath;
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(rig.hooksDir)).mode & 0o777).toBe(0o700);
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
    expect(rig.started).toEqual([]);
  });

  test("a daemon that is away refuses pushes before refs move", async () => {
    await commitFiles(rig.work, { a: "" });
    await rig.stopSocket();
    const { exitCode, text } = await rig.push("main");
    expect(exitCode).toBe(1);
    expect(text).toContain("Croft could not be asked whether this push may deploy");
    expect(await rig.refs()).toEqual([]);
  });

  test("run by hand, the hook says what it is", async () => {
    const child = Bun.spawn([process.execPath, rig.hookMain, "git-hook", "pre-receive"], {
      stdin: "ignore",
      stderr: "pipe",
      env: { PATH: process.env.PATH },
    });
    expect(await child.exited).toBe(2);
    expect(await new Response(child.stderr).text()).toContain("not by hand");
  });
});
