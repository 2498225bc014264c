import { expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { resolveCommit } from "./commit.ts";
import { hookCommandEnv, writeHookScripts } from "./hook-scripts.ts";
import { ensureRepository, tidyRepository } from "./repository.ts";
import { commitFiles, git, temporaryFolder } from "./testing/client.ts";

setDefaultTimeout(30_000);

test("a repository is made once, and its HEAD follows the deploying branch", async () => {
  await using folder = await temporaryFolder();
  const repoPath = join(folder.path, "repos/site.git");
  const branch = "$(touch${IFS}canary)";
  await Promise.all([ensureRepository({ repoPath, branch }), ensureRepository({ repoPath, branch })]);
  expect((await git(repoPath, ["symbolic-ref", "HEAD"])).text.trim()).toBe(`refs/heads/${branch}`);
  await ensureRepository({ repoPath, branch: "next" });
  expect((await git(repoPath, ["symbolic-ref", "HEAD"])).text.trim()).toBe("refs/heads/next");
  expect((await readdir(repoPath)).toSorted()).toEqual(["HEAD", "config", "objects", "refs"]);
});

test("what a killed transfer left is swept after a day, what is young stays", async () => {
  await using folder = await temporaryFolder();
  const repoPath = join(folder.path, "site.git");
  await ensureRepository({ repoPath, branch: "main" });
  const [old, young] = [
    join(repoPath, "objects/tmp_objdir-incoming-a"),
    join(repoPath, "objects/tmp_objdir-incoming-b"),
  ];
  const pack = join(repoPath, "objects/pack/tmp_pack_a");
  await mkdir(old);
  await mkdir(young);
  await Bun.write(pack, "x");
  const yesterday = Date.now() / 1000 - 25 * 3600;
  for (const path of [old, pack]) await utimes(path, yesterday, yesterday);
  await ensureRepository({ repoPath, branch: "main" });
  expect((await readdir(join(repoPath, "objects"))).toSorted()).toEqual([
    "info",
    "pack",
    "tmp_objdir-incoming-b",
  ]);
  expect(await readdir(join(repoPath, "objects/pack"))).toEqual([]);
});

test("tidying packs and keeps branches and fetched sources", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  const repoPath = join(folder.path, "site.git");
  await ensureRepository({ repoPath, branch: "main" });
  const fetched = await commitFiles(work, { a: "1" });
  await git(work, ["push", "--quiet", repoPath, "HEAD:refs/croft/fetched/x"]);
  await git(work, ["commit", "--quiet", "--amend", "-m", "other"]);
  const pushed = (await git(work, ["rev-parse", "HEAD"])).text.trim();
  await git(work, ["push", "--quiet", repoPath, "main"]);
  expect(await tidyRepository({ repoPath })).toBe(true);
  expect((await git(repoPath, ["count-objects"])).text).toStartWith("0 objects");
  for (const hash of [fetched, pushed])
    expect((await resolveCommit({ repoPath, revision: { commit: hash } }))?.hash).toBe(hash);
  expect(await tidyRepository({ repoPath: join(folder.path, "none.git") })).toBe(true);
});

test("the hook's command is passed on word by word, whatever is in it", async () => {
  await using folder = await temporaryFolder();
  await writeHookScripts(join(folder.path, "hooks"));
  const program = join(folder.path, "it's a $(touch canary) program");
  await Bun.write(program, '#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\npwd\nulimit -v\n');
  await chmod(program, 0o700);
  const child = Bun.spawn(["prlimit", "--as=2000000000:", join(folder.path, "hooks/pre-receive")], {
    cwd: folder.path,
    env: { PATH: process.env.PATH, ...hookCommandEnv([program, "run me", '"$(touch canary)"']) },
    stdout: "pipe",
  });
  expect(await new Response(child.stdout).text()).toBe(
    '<run me>\n<"$(touch canary)">\n<git-hook>\n<pre-receive>\n/\nunlimited\n',
  );
  expect((await readdir(folder.path)).toSorted()).toEqual(["hooks", "it's a $(touch canary) program"]);
  expect(() => hookCommandEnv(["croft"])).toThrow("absolute");
  expect(() => hookCommandEnv([])).toThrow();
});
