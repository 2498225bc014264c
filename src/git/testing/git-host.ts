import { join } from "node:path";
import { silentLog } from "../../domain/log.ts";
import { gitBackend } from "../backend.ts";
import type { FetchPolicy } from "../fetch-target.ts";
import { commitFiles, git, temporaryFolder } from "./client.ts";

/** A certificate authority of the test's own and a certificate for `names`, made by openssl. */
const makeCertificate = async (
  folder: string,
  names: string[],
): Promise<{ caFile: string; key: string; cert: string }> => {
  const openssl = async (...args: string[]) => {
    const child = Bun.spawn(["openssl", ...args], { cwd: folder, stdout: "ignore", stderr: "pipe" });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Test CA",
    "-days",
    "2",
  );
  await openssl("req", ...key, "-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=git host");
  const altNames = names.map((name) => `${/^[\d.]+$/.test(name) ? "IP" : "DNS"}:${name}`).join(",");
  await Bun.write(join(folder, "host.ext"), `subjectAltName=${altNames}\n`);
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "host.ext"];
  await openssl("x509", "-req", "-in", "host.csr", "-out", "host.pem", "-days", "2", ...signed);
  return {
    caFile: join(folder, "ca.pem"),
    key: await Bun.file(join(folder, "host.key")).text(),
    cert: await Bun.file(join(folder, "host.pem")).text(),
  };
};

export interface GitHost extends AsyncDisposable {
  folder: string;
  port: number;
  /** Commits of `ada/app.git`, the last one its branch main's head. */
  first: string;
  head: string;
  /** Paths asked for so far; tests may empty it. */
  requests: string[];
  url(path?: string): string;
  /** Lets this host through; its name resolves to loopback. */
  policy: FetchPolicy;
  /** A bare repository on the host's side. */
  origin(name: string): string;
  /** A fresh path for a repository on the fetching side. */
  bare(): string;
}

/** How an attempt went, as data. */
export const outcome = async (promise: Promise<unknown>): Promise<[code: string, message: string]> =>
  promise.then(
    () => ["done", ""],
    (error) => [error.code ?? error.name, error.publicMessage ?? error.message],
  );

/** Answers that are no repository, by the path's first part. */
const oddAnswer = (pathname: string, url: (path: string) => string): Response | null => {
  if (pathname.startsWith("/private/"))
    return new Response("sign in", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
  if (pathname.startsWith("/away/"))
    return Response.redirect("https://127.0.0.1:9/ada/app.git/info/refs", 302);
  if (pathname.startsWith("/gitlab/app/"))
    return Response.redirect(`${url("/gitlab/app.git/info/refs")}?service=git-upload-pack`, 301);
  if (pathname.startsWith("/page/"))
    return new Response("<html>", { headers: { "content-type": "text/html" } });
  return null;
};

const makeRepositories = async (folder: string, root: string): Promise<{ first: string; head: string }> => {
  const work = join(folder, "work");
  const first = await commitFiles(work, { "a.txt": "one" }, { message: "first" });
  const head = await commitFiles(work, { "a.txt": "two" }, { message: "second" });
  await git("/", ["clone", "--quiet", "--bare", work, join(root, "app.git")]);
  for (const name of ["empty.git", "big.git"])
    await git("/", ["init", "--quiet", "--bare", "--initial-branch=main", join(root, name)]);
  const big = join(folder, "big");
  const noise = Array.from({ length: 96 }, () => crypto.getRandomValues(new Uint8Array(65536)));
  await commitFiles(big, { blob: Buffer.concat(noise) });
  await git(big, ["push", "--quiet", join(root, "big.git"), "main"]);
  return { first, head };
};

/**
 * A git host of the test's own: real TLS by an own certificate authority, real git behind it. Its name `git.test`
 * exists in no DNS, so whatever reaches it went through the pinned address. Beside `ada/` there are `heads/` (hands
 * out heads only), `gitlab/` (redirects to `.git`), `private/`, `away/`, `page/` and `hang/`.
 */
export const gitHost = async (): Promise<GitHost> => {
  const folder = await temporaryFolder();
  const root = join(folder.path, "host");
  const commits = await makeRepositories(folder.path, root);
  const certificate = await makeCertificate(folder.path, ["git.test", "localhost"]);
  const requests: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    tls: { key: certificate.key, cert: certificate.cert },
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      requests.push(pathname);
      if (pathname.startsWith("/hang/")) await Bun.sleep(60_000);
      const odd = oddAnswer(pathname, url);
      if (odd) return odd;
      const match = /^\/(?:ada|gitlab|heads)\/([a-z]+\.git)\/(info\/refs|git-upload-pack)$/.exec(pathname);
      if (!match || match[1] === "none.git") return new Response("not here", { status: 404 });
      if (pathname.startsWith("/heads/")) request.headers.delete("git-protocol");
      if (match[2] === "info/refs" && searchParams.get("service") !== "git-upload-pack")
        return new Response("dumb", { status: 403 });
      return gitBackend(request, {
        service: "git-upload-pack",
        phase: match[2] === "info/refs" ? "advertise" : "call",
        repoPath: join(root, match[1]!),
        user: "anyone",
        deadlineMs: 20_000,
        stallMs: 20_000,
        log: silentLog,
      });
    },
  });
  const url = (path = "/ada/app.git") => `https://git.test:${server.port}${path}`;
  return {
    ...commits,
    folder: folder.path,
    port: server.port!,
    requests,
    url,
    policy: {
      allowHosts: [`git.test:${server.port}`],
      caFile: certificate.caFile,
      lookup: async () => [{ address: "127.0.0.1" }],
    },
    origin: (name) => join(root, name),
    bare: () => join(folder.path, `${crypto.randomUUID()}.git`),
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
      await folder[Symbol.asyncDispose]();
    },
  };
};
