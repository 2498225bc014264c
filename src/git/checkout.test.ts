import { expect, setDefaultTimeout, test } from "bun:test";
import { lstat, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { checkoutCommit } from "./checkout.ts";
import { resolveCommit } from "./commit.ts";
import { ensureRepository } from "./repository.ts";
import { commitFiles, git, temporaryFolder } from "./testing/client.ts";

setDefaultTimeout(30_000);

/** A bare repository as the daemon makes it, holding what `work` has committed. */
const published = async (root: string, work: string): Promise<string> => {
  const repoPath = join(root, "site.git");
  await ensureRepository({ repoPath, branch: "main" });
  await git(work, ["push", "--quiet", repoPath, "HEAD:refs/heads/main"]);
  return repoPath;
};

test("exports exactly the commit asked for, with its message and author", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  const first = await commitFiles(work, { "a.txt": "one", "deep/b.txt": "b" }, { message: "First\n\nwhy" });
  await commitFiles(work, { "a.txt": "two" });
  const repoPath = await published(folder.path, work);
  const target = join(folder.path, "out");
  const commit = await checkoutCommit({ repoPath, commit: first, targetDir: target });
  expect(commit).toEqual({ hash: first, message: "First\n\nwhy", author: "Ada Lovelace", notes: [] });
  expect(await Bun.file(join(target, "a.txt")).text()).toBe("one");
  expect((await readdir(folder.path)).toSorted()).toEqual(["out", "site.git", "work"]);
  expect((await readdir(target)).toSorted()).toEqual(["a.txt", "deep"]);
});

test("files marked export-ignore are there, filters and hooks of the tree are not run", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  const canary = join(folder.path, "canary");
  const hash = await commitFiles(work, {
    ".gitattributes": "kept.txt export-ignore\n*.bin filter=lfs diff=lfs merge=lfs -text\n",
    ".lfsconfig": "[lfs]\n\turl = https://169.254.169.254/\n",
    "kept.txt": "kept",
    "big.bin": "version https://git-lfs.github.com/spec/v1\n",
    "hooks/post-checkout": `#!/bin/sh\ntouch ${canary}\n`,
    ".githooks/post-checkout": `#!/bin/sh\ntouch ${canary}\n`,
  });
  const repoPath = await published(folder.path, work);
  await Bun.write(join(repoPath, "hooks/post-checkout"), `#!/bin/sh\ntouch ${canary}\n`);
  await Bun.$`chmod +x ${join(repoPath, "hooks/post-checkout")}`.quiet();
  const target = join(folder.path, "out");
  await checkoutCommit({ repoPath, commit: hash, targetDir: target });
  expect(await Bun.file(join(target, "kept.txt")).text()).toBe("kept");
  expect(await Bun.file(join(target, "big.bin")).text()).toStartWith("version https://git-lfs");
  expect(await Bun.file(canary).exists()).toBe(false);
});

test("links that lead out of the tree are left out, also through other links; those within stay", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  await mkdir(join(work, "deep/er"), { recursive: true });
  await symlink("/etc/passwd", join(work, "absolute"));
  await symlink("../../../../etc", join(work, "deep/parent"));
  await symlink("../..", join(work, "deep/er/root"));
  await symlink("deep/er/root/../x", join(work, "through"));
  await symlink("/nowhere/at/all", join(work, "dangling"));
  await symlink("deep/file", join(work, "inside"));
  await symlink("dist/later", join(work, "later"));
  const hash = await commitFiles(work, { "deep/file": "text", "deep/er/file": "" });
  await Bun.write(join(folder.path, "x"), "another tenant's");
  const repoPath = await published(folder.path, work);
  const target = join(folder.path, "out");
  const { notes } = await checkoutCommit({ repoPath, commit: hash, targetDir: target });
  expect((await readdir(target)).toSorted()).toEqual(["deep", "inside", "later"]);
  expect(await readdir(join(target, "deep"))).not.toContain("parent");
  expect(await Bun.file(join(target, "inside")).text()).toBe("text");
  expect(await readlink(join(target, "deep/er/root"))).toBe("../..");
  expect(notes).toHaveLength(1);
  for (const name of ["absolute", "deep/parent", "through", "dangling"]) expect(notes[0]).toContain(name);
});

test("links with names that are not UTF-8 hide nothing from the check", async () => {
  await using folder = await temporaryFolder();
  const [named, aimed] = [join(folder.path, "named"), join(folder.path, "aimed")];
  await mkdir(named);
  await mkdir(aimed);
  const bytes = (...parts: (string | number)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from([part]))));
  await symlink("/etc", bytes(named, "/", 0xff));
  await symlink(bytes(0xff, "/passwd"), join(named, "index.html"));
  await symlink(bytes("/etc/", 0xff, "/../passwd"), join(aimed, "index.html"));
  for (const work of [named, aimed]) await commitFiles(work, { "a.txt": "" });
  const target = join(folder.path, "out");
  const first = await published(folder.path, named);
  const commit = (await git(named, ["rev-parse", "HEAD"])).text.trim();
  const attempt = checkoutCommit({ repoPath: first, commit, targetDir: target });
  await expect(attempt).rejects.toThrow("not valid UTF-8");
  await git(aimed, ["push", "--quiet", "--force", first, "HEAD:refs/heads/main"]);
  const hash = (await git(aimed, ["rev-parse", "HEAD"])).text.trim();
  const { notes } = await checkoutCommit({ repoPath: first, commit: hash, targetDir: target });
  expect(await readdir(target)).toEqual(["a.txt"]);
  expect(notes[0]).toContain("index.html");
});

test("trees that try to write outside are refused or stay in the folder", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  await commitFiles(work, { "start.txt": "" });
  const repoPath = await published(folder.path, work);
  const outside = join(folder.path, "outside");
  await mkdir(outside);
  const object = async (type: string, content: Uint8Array | string): Promise<string> => {
    const file = join(folder.path, "object");
    await Bun.write(file, content);
    const made = await git(repoPath, ["hash-object", "-w", "--literally", "-t", type, file]);
    return made.text.trim();
  };
  const entry = (mode: string, name: string, hash: string) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(hash, "hex")]);
  const blob = await object("blob", "owned");
  const link = await object("blob", outside);
  const inner = await object("tree", entry("100644", "evil", blob));
  for (const [refused, ...tree] of [
    [false, entry("120000", "a", link), entry("40000", "a", inner)],
    [true, entry("100644", "../evil", blob)],
    [true, entry("40000", "..", inner)],
    [true, entry("40000", ".git", inner)],
  ] as [boolean, ...Buffer[]][]) {
    const treeHash = await object("tree", Buffer.concat(tree));
    const { text } = await git(repoPath, ["commit-tree", "-m", "evil", treeHash]);
    const target = join(folder.path, "out");
    const attempt = checkoutCommit({ repoPath, commit: text.trim(), targetDir: target });
    const outcome = await attempt.then(
      () => "written",
      (error) => error.code,
    );
    expect(outcome).toBe(refused ? "deploy_failed" : "written");
    if (refused) expect(await lstat(target).catch(() => null)).toBeNull();
    else expect((await lstat(join(target, "a"))).isDirectory()).toBe(true);
    await rm(target, { recursive: true, force: true });
    expect(await readdir(outside)).toEqual([]);
    expect(await Bun.file(join(folder.path, "evil")).exists()).toBe(false);
  }
});

test("submodules stay empty and are named", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  await commitFiles(work, {
    "a.txt": "",
    ".gitmodules": '[submodule "m"]\n\tpath = m\n\turl = file:///etc\n',
  });
  const gitlink = "160000,1234567890123456789012345678901234567890,m";
  await git(work, ["update-index", "--add", "--cacheinfo", gitlink]);
  await git(work, ["commit", "--quiet", "-m", "module"]);
  const hash = (await git(work, ["rev-parse", "HEAD"])).text.trim();
  const repoPath = await published(folder.path, work);
  const target = join(folder.path, "out");
  const { notes } = await checkoutCommit({ repoPath, commit: hash, targetDir: target });
  expect(await readdir(join(target, "m"))).toEqual([]);
  expect(notes).toEqual(["submodules are not fetched, their folders are empty: m"]);
});

test("a commit that unfolds beyond the bound is refused before it is written", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  const hash = await commitFiles(work, { zeros: new Uint8Array(3_000_000) });
  const repoPath = await published(folder.path, work);
  const target = join(folder.path, "out");
  const attempt = checkoutCommit({ repoPath, commit: hash, targetDir: target, maxBytes: 2_000_000 });
  expect(await attempt.catch((error) => [error.code, error.publicMessage])).toEqual([
    "too_large",
    "the commit unfolds to 2.86 MB; at most 1.91 MB are allowed",
  ]);
  expect(await lstat(target).catch(() => null)).toBeNull();
});

test("a tree that describes billions of files in a few objects is refused quickly", async () => {
  await using folder = await temporaryFolder();
  const repoPath = join(folder.path, "site.git");
  await ensureRepository({ repoPath, branch: "main" });
  await Bun.write(join(folder.path, "blob"), "boom");
  let hash = (await git(repoPath, ["hash-object", "-w", join(folder.path, "blob")])).text.trim();
  for (let level = 0; level < 10; level++) {
    const rows = Array.from({ length: 10 }, (_, i) =>
      Buffer.concat([Buffer.from(`${level === 0 ? "100644" : "40000"} ${i}\0`), Buffer.from(hash, "hex")]),
    );
    await Bun.write(join(folder.path, "tree"), Buffer.concat(rows));
    const made = await git(repoPath, ["hash-object", "-w", "-t", "tree", join(folder.path, "tree")]);
    hash = made.text.trim();
  }
  const bomb = (await git(repoPath, ["commit-tree", "-m", "bomb", hash])).text.trim();
  const attempt = checkoutCommit({ repoPath, commit: bomb, targetDir: join(folder.path, "out") });
  expect(await attempt.catch((error) => error.publicMessage)).toBe("the commit has more than 200,000 files");
}, 60_000);

test("what is no commit of the repository is not found, and is never read as an option or expression", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  const hash = await commitFiles(work, { a: "" });
  const repoPath = await published(folder.path, work);
  for (const commit of [
    "--all",
    "HEAD",
    "main",
    `${hash}^`,
    ":/change",
    "@{-1}",
    "f".repeat(40),
    "",
    "a\nb",
  ]) {
    const attempt = checkoutCommit({ repoPath, commit, targetDir: join(folder.path, "out") });
    expect(await attempt.catch((error) => error.code)).toBe("not_found");
  }
  expect((await resolveCommit({ repoPath, revision: { commit: hash.slice(0, 10) } }))?.hash).toBe(hash);
  expect((await resolveCommit({ repoPath, revision: { branch: "main" } }))?.hash).toBe(hash);
  expect(await resolveCommit({ repoPath, revision: { branch: "--all" } })).toBeNull();
  expect(
    await resolveCommit({ repoPath: join(folder.path, "none.git"), revision: { branch: "main" } }),
  ).toBeNull();
});

test("control characters of message and author are gone", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  const message = "\x1b]0;title\x07Red \x1b[31mtext\x1b[0m\u202e <script>";
  const hash = await commitFiles(work, { a: "" }, { message });
  const repoPath = await published(folder.path, work);
  const commit = await resolveCommit({ repoPath, revision: { commit: hash } });
  expect(commit?.message).toBe("Red text <script>");
});

test("an abort ends the checkout with its reason and leaves no folder", async () => {
  await using folder = await temporaryFolder();
  const work = join(folder.path, "work");
  const hash = await commitFiles(work, { a: "" });
  const repoPath = await published(folder.path, work);
  const target = join(folder.path, "out");
  const attempt = checkoutCommit({
    repoPath,
    commit: hash,
    targetDir: target,
    signal: AbortSignal.abort(new Error("cancelled")),
  });
  expect(await attempt.catch((error) => error.message)).toBe("cancelled");
  expect(await lstat(target).catch(() => null)).toBeNull();
});
