import { join } from "node:path";
import { Hono } from "hono";
import type { Actor } from "../../domain/actor.ts";
import { silentLog } from "../../domain/log.ts";
import { AppError } from "../../errors.ts";
import { writeHookScripts } from "../hook-scripts.ts";
import { serveHookSocket } from "../hook-socket.ts";
import type { PushDeps, StartedDeployment } from "../push-answers.ts";
import { createPushes, type GitSite, type Push } from "../pushes.ts";
import { gitRemote } from "../remote.ts";
import { type ClientResult, git, temporaryFolder } from "./client.ts";

/** What deployments answer; a test replaces what it is about. */
export interface Answers extends Pick<PushDeps, "checkPush" | "startDeployment"> {
  follow: StartedDeployment["follow"];
  autoDeploy: boolean;
}

export interface PushRig extends AsyncDisposable {
  folder: string;
  /** Work tree that `push` pushes from. */
  work: string;
  repoPath: string;
  hooksDir: string;
  socketPath: string;
  /** What a hook runs, as main.ts does, without the rest of the program. */
  hookMain: string;
  port: number;
  answers: Answers;
  /** Deployments that were started, and pushes whose git process has ended. */
  started: { branch: string; commit: string; actor: Actor }[];
  ended: Push[];
  url(slug?: string, key?: string): string;
  push(...args: string[]): Promise<ClientResult>;
  /** Lines of `git ls-remote`. */
  refs(): Promise<string[]>;
  stopSocket(): Promise<void>;
}

export const user = (name: string): Actor => ({
  kind: "user",
  userId: `usr_${name}`,
  username: name,
  isAdmin: false,
  via: "key",
  ip: null,
  userAgent: null,
});

export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await Bun.sleep(10);
};

/**
 * The git remote with real git at both ends, real hooks in processes of their own, real sockets. Only accounts and
 * deployments are stand-ins, as they belong to other parts: the key `key-<name>` is that user's, `key-reader` may only
 * read, and everybody but eve may reach the one site, `shop`.
 */
export const pushRig = async (
  options: { maxPackBytes?: number; maxRepositoryBytes?: number; stallMs?: number } = {},
): Promise<PushRig> => {
  const folder = await temporaryFolder();
  const at = (path: string) => join(folder.path, path);
  const log = silentLog;
  const ended: Push[] = [];
  const started: PushRig["started"] = [];
  const answers: Answers = {
    autoDeploy: true,
    checkPush: async () => null,
    startDeployment: async ({ branch, commit, actor }) => {
      started.push({ branch, commit, actor });
      return { deploymentId: "dep_1", follow: (onLine, signal) => answers.follow(onLine, signal) };
    },
    follow: async (onLine) => {
      onLine("build: step 1");
      return { ok: true, message: "http://shop.localhost" };
    },
  };
  const running = createPushes();
  const pushes = {
    ...running,
    close: (push: Push) => {
      running.close(push);
      ended.push(push);
    },
  };
  const client = JSON.stringify(join(import.meta.dir, "../hook-client.ts"));
  await Bun.write(
    at("main.ts"),
    `const { runGitHook } = await import(${client});
     process.exit(await runGitHook(process.argv[3], process.env, Bun.stdin.stream()));`,
  );
  const [hooksDir, socketPath, hookMain] = [at("run/hooks"), at("run/hooks.sock"), at("main.ts")];
  await writeHookScripts(hooksDir);
  const stopSocket = await serveHookSocket({
    log,
    pushes,
    socketPath,
    checkPush: (push) => answers.checkPush(push),
    startDeployment: (push) => answers.startDeployment(push),
  });
  const repoPath = at("repos/site_1.git");
  const remote = gitRemote({
    log,
    pushes,
    hooksDir,
    socketPath,
    croftCommand: [process.execPath, hookMain],
    ...options,
    authenticate: async (key, action) => {
      if (key === "key-reader" && action === "deploy")
        throw new AppError("forbidden", "this API key does not hold the scope deploy");
      return key.startsWith("key-") ? user(key.slice(4)) : null;
    },
    findSite: async (actor, slug): Promise<GitSite | null> =>
      slug === "shop" && actor.kind === "user" && actor.username !== "eve"
        ? {
            siteId: "site_1",
            slug,
            environmentId: "env_1",
            repoPath,
            branch: "main",
            autoDeploy: answers.autoDeploy,
          }
        : null,
  });
  const app = new Hono().route("/git", remote);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    maxRequestBodySize: 2 ** 31,
    fetch: (request) => app.fetch(request),
  });
  const url = (slug = "shop", key = "key-ada") =>
    `http://anyone:${key}@127.0.0.1:${server.port}/git/${slug}.git`;
  return {
    ...{
      folder: folder.path,
      work: at("work"),
      repoPath,
      hooksDir,
      socketPath,
      hookMain,
      port: server.port!,
    },
    ...{ answers, started, ended, url, stopSocket },
    push: (...args) => git(at("work"), ["push", url(), ...args], { mustWork: false }),
    refs: async () => (await git("/", ["ls-remote", url()])).text.trim().split("\n").filter(Boolean),
    [Symbol.asyncDispose]: async () => {
      await stopSocket();
      await server.stop(true);
      await folder[Symbol.asyncDispose]();
    },
  };
};
