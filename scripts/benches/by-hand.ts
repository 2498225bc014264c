import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, uniqueSlug } from "../../src/testing/e2e/croft.ts";
import { timed } from "./row.ts";

/** Polls `look` without a pause worth mentioning until it gives true. */
export const soon = async (
  what: string,
  look: () => Promise<boolean>,
  deadlineMs = 60_000,
): Promise<void> => {
  const endMs = performance.now() + deadlineMs;
  while (!(await look().catch(() => false))) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await Bun.sleep(3);
  }
};

/** Docker's command line with the classic builder, the one that Croft uses: it is compared on the same work. */
const docker = async (...args: string[]): Promise<string> => {
  const child = Bun.spawn(["docker", ...args], {
    env: { ...process.env, DOCKER_BUILDKIT: "0" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`docker ${args[0]}: ${stderr}`);
  return stdout.trim();
};

/** What somebody does who deploys with Docker alone. */
export interface ByHand {
  /** `docker build` of these files; ms. */
  build(files: Record<string, string>): Promise<number>;
  /** `docker run` of what was built last, in place of the container before, to the first answer; ms. */
  run(): Promise<number>;
  cleanUp(): Promise<void>;
}

export const createByHand = (): ByHand => {
  const dir = mkdtempSync(join(tmpdir(), "croft-bench-build-"));
  const name = uniqueSlug("by-hand");
  const tags: string[] = [];
  const port = freePort();
  return {
    build: async (files) => {
      for (const [path, text] of Object.entries(files)) await Bun.write(join(dir, path), text);
      const tag = `${name}:${tags.length}`;
      tags.push(tag);
      return timed(() => docker("build", "-t", tag, dir));
    },
    run: async () => {
      await docker("rm", "-f", name).catch(() => {});
      return timed(async () => {
        const publish = ["-e", "PORT=3000", "-p", `127.0.0.1:${port}:3000`];
        await docker("run", "-d", "--init", "--name", name, ...publish, tags.at(-1)!);
        await soon("the container answers", async () => (await fetch(`http://127.0.0.1:${port}/`)).ok);
      });
    },
    cleanUp: async () => {
      await docker("rm", "-f", name).catch(() => {});
      if (tags.length > 0) await docker("rmi", "-f", ...tags).catch(() => {});
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
