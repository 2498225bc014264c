import { existsSync, mkdtempSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createDockerEngine } from "../docker/docker-engine.ts";
import { systemClock } from "../domain/clock.ts";
import type { Engine, NetworkRef, Ownership, ReplicaSpec, ReplicaState } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import { silentLog } from "../domain/log.ts";
import { MB } from "../domain/size.ts";

export const dockerHost = process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock";
export const busyboxTag = "croft-test/busybox:latest";

/**
 * A request straight to Docker's API, past the adapter under test: what tests check against, and how they make
 * things that are not Croft's. Throws with Docker's words on an error status.
 */
export const dockerApi = async (method: string, path: string, body?: unknown): Promise<any> => {
  const unix = dockerHost.startsWith("unix://") ? dockerHost.slice("unix://".length) : undefined;
  const base = unix ? "http://docker" : dockerHost.replace(/^tcp:/, "http:");
  const isFile = body instanceof Blob;
  const response = await fetch(base + path, {
    method,
    unix,
    body: body === undefined ? undefined : isFile ? body : JSON.stringify(body),
    headers: body === undefined ? {} : { "content-type": isFile ? "application/x-tar" : "application/json" },
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  try {
    return JSON.parse(text);
  } catch {
    return text; // progress: several documents
  }
};

let busybox: Promise<string> | null = null;

/**
 * Makes sure of a small image with busybox alone (Debian's busybox-static) and all its commands linked.
 * @returns its id
 */
export const busyboxImage = (): Promise<string> => (busybox ??= importBusybox());

const importBusybox = async (): Promise<string> => {
  const idOf = async (): Promise<string | null> =>
    (await dockerApi("GET", `/images/${busyboxTag}/json`).catch(() => null))?.Id ?? null;
  const present = await idOf();
  if (present) return present;
  if (!existsSync("/bin/busybox")) throw new Error("tests need /bin/busybox: apt-get install busybox-static");
  const root = mkdtempSync(join(tmpdir(), "croft-busybox-"));
  try {
    for (const folder of ["bin", "etc", "tmp", "root", "dev", "proc", "sys"])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(
      join(root, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    );
    writeFileSync(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
    for (const argv of [
      ["cp", "/bin/busybox", join(root, "bin/busybox")],
      // in a chroot, so that the links name the path inside the image
      ["chroot", root, "/bin/busybox", "--install", "-s", "/bin"],
      ["tar", "--create", "--file", `${root}.tar`, "--directory", root, "."],
    ]) {
      const { exitCode, stderr } = Bun.spawnSync(argv);
      if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
    }
    const [repo, tag] = busyboxTag.split(":");
    const change = encodeURIComponent('CMD ["/bin/sh"]');
    await dockerApi(
      "POST",
      `/images/create?fromSrc=-&repo=${repo}&tag=${tag}&changes=${change}`,
      Bun.file(`${root}.tar`),
    );
    const id = await idOf();
    if (!id) throw new Error(`${busyboxTag} was not imported`);
    return id;
  } finally {
    rmSync(root, { recursive: true, force: true });
    rmSync(`${root}.tar`, { force: true });
  }
};

/**
 * Subnets for tests: /28s of 10.213.0.0/16, drawn at random so that test files run beside each other; a clash is
 * refused by Docker and drawn again by `ensureFreshNetwork`.
 */
export const randomSubnet = (): string => {
  const n = Math.floor(Math.random() * 4096);
  return `10.213.${n >> 4}.${(n & 15) * 16}/28`;
};

export interface DockerFixture {
  engine: Engine;
  /** Unique; everything made through `owner` is removed by `cleanup`. */
  site: string;
  owner: Ownership;
  /** A network of the site's own, made anew at each call. */
  network(name?: string): Promise<NetworkRef>;
  /** Starts a busybox replica running `script`, small limits unless told. */
  start(script: string, network: NetworkRef, changes?: Partial<ReplicaSpec>): Promise<ReplicaState>;
  cleanup(): Promise<void>;
}

/** An engine on the machine's Docker with a site of its own. */
export const dockerFixture = async (
  options: { hostFirewall?: boolean; engine?: Engine } = {},
): Promise<DockerFixture> => {
  const engine =
    options.engine ??
    createDockerEngine({
      dockerHost,
      log: silentLog,
      clock: systemClock,
      hostFirewall: options.hostFirewall ?? true,
    });
  const imageId = await busyboxImage();
  const site = `test-${newId("site").slice(-12)}`;
  const owner: Ownership = { site, environment: newId("env"), release: newId("rel"), role: "site" };
  return {
    engine,
    site,
    owner,
    async network(name = `croft-${site}-${newId("env").slice(-6)}`) {
      for (let attempt = 0; ; attempt++) {
        const network = { name, subnet: randomSubnet() };
        try {
          await engine.ensureNetwork(network, owner);
          return network;
        } catch (error) {
          if (attempt === 20) throw error;
        }
      }
    },
    async start(script, network, changes = {}) {
      const replicaId = changes.replicaId ?? newId("rep");
      return engine.startReplica({
        name: `croft-${replicaId}`,
        imageId,
        owner,
        replicaId,
        network,
        env: {},
        volumes: [],
        startCommand: script,
        limits: { memoryBytes: 64 * MB, cpuMillicores: 500, pids: 32 },
        stopGraceSeconds: 1,
        ...changes,
      });
    },
    cleanup: () => engine.removeSite(site, { volumes: true }),
  };
};

/** Writes files into a new temporary folder. */
export const folderOf = (files: Record<string, string>): string => {
  const folder = mkdtempSync(join(tmpdir(), "croft-context-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
};

/** Waits until `read` gives something, asking every 50 ms. */
export const eventually = async <T>(
  what: string,
  read: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  deadlineMs = 15_000,
): Promise<T> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value !== null && value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`${what} did not happen in ${deadlineMs} ms`);
    await Bun.sleep(50);
  }
};
