import { closeSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { busyboxTag, busyboxImage } from "../docker-fixture.ts";
import { run, until } from "./croft.ts";

/** A Docker of the test's own, to be killed and started again while others work with the machine's. */
export interface OwnDocker extends AsyncDisposable {
  host: string;
  start(): Promise<void>;
  /** Ends it and waits; SIGTERM ends all containers too, as a restart of the service does. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  docker(...args: string[]): Promise<string>;
  /** Of dockerd, its containerd and what that starts beside each container. */
  pids(): Promise<number[]>;
}

/** A small image with a shell and a web server, under a name that a tenant may use. */
export const webImage = "croftless/busybox:1";
/** Start command of a site that answers `text`; needs nothing but busybox. */
export const webCommand = (text: string): string =>
  `mkdir -p /tmp/www && echo '${text}' > /tmp/www/index.html && exec httpd -f -p $PORT -h /tmp/www`;

export type DataDisk = "xfs" | "btrfs";

/** A file system of 3 GB in a file, where Docker's data is to lie; with project quotas if this kernel's XFS has them. */
const mountData = async (folder: string, kind: DataDisk): Promise<void> => {
  const image = join(folder, "disk.img");
  const must = async (...argv: string[]) => {
    const { exitCode, stderr } = await run(argv);
    if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  };
  await must("truncate", "--size", "3G", image);
  await must(`mkfs.${kind}`, "-q", image);
  const data = join(folder, "data");
  await mkdir(data);
  if (kind === "xfs" && (await run(["mount", "-o", "loop,pquota", image, data])).exitCode === 0) return;
  await must("mount", "-o", "loop", image, data);
};

/** Its containers' networks are told by the host's routing alone: it leaves the machine's iptables to the other one. */
export const ownDocker = async (disk: DataDisk | null = null): Promise<OwnDocker> => {
  await busyboxImage();
  const folder = await mkdtemp("/var/tmp/croft-dockerd-");
  if (disk !== null)
    await mountData(folder, disk).catch(async (error) => {
      await rm(folder, { recursive: true, force: true });
      throw error;
    });
  const host = `unix://${folder}/docker.sock`;
  const pidFile = join(folder, "docker.pid");
  const bridge = `crt${process.pid}${disk?.[0] ?? ""}`;
  await run(["ip", "link", "add", bridge, "type", "bridge"]);
  await run(["ip", "addr", "add", "198.18.254.1/24", "dev", bridge]);
  let child: Bun.Subprocess | null = null;
  const own: OwnDocker = {
    host,
    docker: async (...args) => (await run(["docker", "-H", host, ...args])).stdout.trim(),
    pids: () => processesOf(folder),
    start: async () => {
      // After SIGKILL these may name processes that are gone but not yet reaped by this machine's init.
      for (const stale of [pidFile, join(folder, "exec", "containerd", "containerd.pid")])
        await rm(stale, { force: true });
      const output = openSync(join(folder, "log"), "a");
      const options = {
        "--data-root": join(folder, "data"),
        "--exec-root": join(folder, "exec"),
        "--pidfile": pidFile,
        "--host": host,
        // A bridge of its own: with "none" dockerd removes the machine's docker0.
        "--bridge": bridge,
        "--iptables": "false",
        "--ip6tables": "false",
        ...(disk === "btrfs" ? { "--storage-driver": "btrfs" } : {}),
      };
      child = Bun.spawn(["dockerd", ...Object.entries(options).map(([name, value]) => `${name}=${value}`)], {
        stdin: "ignore",
        stdout: output,
        stderr: output,
      });
      closeSync(output);
      await until(
        "dockerd answers",
        async () => {
          if (child!.exitCode !== null) throw new Error(await Bun.file(join(folder, "log")).text());
          return own.docker("version", "--format", "{{.Server.Version}}");
        },
        (version) => version !== "",
      );
    },
    end: async (signal) => {
      child!.kill(signal);
      await child!.exited;
    },
    [Symbol.asyncDispose]: async () => {
      if (child && child.exitCode === null) {
        for (const id of (await own.docker("ps", "-aq")).split("\n").filter(Boolean))
          await own.docker("rm", "-f", id);
        for (const id of (await own.docker("network", "ls", "-q", "--filter", "label=croft.managed")).split(
          "\n",
        ))
          if (id) await own.docker("network", "rm", id);
        await own.end("SIGTERM");
      }
      for (const pid of await processesOf(folder)) process.kill(pid, "SIGKILL");
      await Bun.sleep(100);
      for (const line of (await readFile("/proc/self/mounts", "utf8")).split("\n").reverse())
        if (line.split(" ")[1]?.startsWith(folder)) await run(["umount", "-l", line.split(" ")[1]!]);
      await run(["ip", "link", "delete", bridge]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  await own.start();
  const image = `${folder}/image.tar`;
  await run(["docker", "save", "-o", image, busyboxTag]);
  await own.docker("load", "-i", image);
  await own.docker("tag", busyboxTag, webImage);
  return own;
};

/** Processes of this machine whose command line names a path of ours. */
const processesOf = async (path: string): Promise<number[]> => {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const command = await readFile(join("/proc", name, "cmdline"), "latin1").catch(() => "");
    if (command.includes(path)) found.push(Number(name));
  }
  return found;
};
