import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../../doctor/finding.ts";
import { loadApp, startLoad } from "../load/load.ts";
import { run, until } from "./croft.ts";
import { systemdMachine, type SystemdMachine } from "./systemd-machine.ts";

/** scripts/install on a machine of its own: real systemd, real packages, a Docker that the script installs. */

const soak = process.env.CROFT_SOAK === "1";
const restarts = soak ? 50 : 3;
const upgrades = soak ? 20 : 2;

setDefaultTimeout(soak ? 900_000 : 180_000);

const root = join(import.meta.dir, "..", "..", "..");
const domain = "sites.example.org";
const app = `app.${domain}`;
const page = `page.${domain}`;

let shared: string;
let machine: SystemdMachine;
/** Not one of a container's own: the script sets it for this machine, too. */
const inotify = Bun.file("/proc/sys/fs/inotify/max_user_instances");
let inotifyBefore: string;

/** A binary whose edge is another one than that of any other build. */
const build = async (name: string): Promise<string> => {
  const sources = join(shared, `${name}-sources`);
  await mkdir(sources);
  for (const part of ["src", "migrations", "package.json", "tsconfig.json"])
    await cp(join(root, part), join(sources, part), { recursive: true });
  await symlink(join(root, "node_modules"), join(sources, "node_modules"));
  await Bun.write(join(sources, "src", "domain", "build-of-a-test.ts"), `export const name = "${name}";\n`);
  const outfile = join(shared, name);
  const built = await run(
    [
      process.execPath,
      "build",
      "src/main.ts",
      "--compile",
      "--splitting",
      "--bytecode",
      "--format=esm",
      `--outfile=${outfile}`,
    ],
    { cwd: sources },
  );
  expect(built.exitCode, built.stderr).toBe(0);
  await rm(sources, { recursive: true });
  return `/shared/${name}`;
};

const install = (...options: string[]) => machine.run(["/checkout/scripts/install", ...options]);
const installed = async (...options: string[]): Promise<string[]> => {
  const { exitCode, stdout, stderr } = await install(...options);
  expect(exitCode, stdout + stderr).toBe(0);
  if (stderr.includes("does not answer yet"))
    throw new Error(
      await machine.ok("journalctl", "--unit=croft", "--lines=40", "--no-pager", "--output=cat"),
    );
  return stdout.trim().split("\n");
};
const croft = (...words: string[]) =>
  machine.ok("env", "CROFT_DATA_DIR=/var/lib/croft", "HOME=/root", "croft", ...words);

const edges = async () =>
  (await machine.ok("find", "/proc", "-maxdepth", "1", "-user", "croft-edge")).split("\n");
const daemon = () => machine.ok("systemctl", "show", "--property=MainPID", "--value", "croft");
const ready = async () => {
  const { exitCode } = await machine.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7300"]);
  return exitCode === 0;
};

const visit = async (host: string): Promise<string> =>
  fetch(`http://${await machine.address()}/`, {
    // A connection from before a firewall was closed would go on.
    headers: { host, connection: "close" },
    redirect: "manual",
    signal: AbortSignal.timeout(5000),
  }).then(
    async (response) => `${response.status} ${await response.text()}`,
    (error: Error) => error.message,
  );
const sitesAnswer = () =>
  until(
    "both sites answer",
    async () => [await visit(app), await visit(page)],
    ([one, two]) => one!.startsWith("200 r1 GET") && two!.startsWith("200 <!doctype html>"),
    90_000,
  );

/** Everything that the script looks after, each file with its content and the time of its last change. */
const fingerprint = () =>
  machine.ok(
    "sh",
    "-c",
    `find /usr/local /etc -xdev -type f -printf '%p %m %u %s %T@\\n' | sort
     getent passwd; cat /proc/sys/net/ipv4/tcp_migrate_req; dpkg -l | sha256sum; systemctl show --property=MainPID croft docker`,
  );

beforeAll(async () => {
  inotifyBefore = await inotify.text();
  shared = await mkdtemp("/var/tmp/croft-install-");
  await run(["chmod", "755", shared]);
  machine = await systemdMachine({ [shared]: "/shared", [join(root, "scripts")]: "/checkout/scripts" });
  await build("one");
});
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  writeFileSync(inotify.name!, inotifyBefore);
  await rm(shared, { recursive: true, force: true });
});

test("the scripts have nothing that shellcheck objects to", async () => {
  const scripts = [
    "install",
    "lib/install/machine.sh",
    "lib/install/uninstall.sh",
    "lib/install/docker-disk.sh",
  ];
  const found = await run(["shellcheck", "--external-sources", ...scripts.map((name) => `scripts/${name}`)], {
    cwd: root,
  });
  expect(found.stdout + found.stderr).toBe("");
});

test("says what stands in the way before it changes anything", async () => {
  const before = await fingerprint();
  const refusal = async (argv: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await machine.run(argv);
    expect(exitCode, stdout + stderr).toBe(1);
    return stderr;
  };
  const script = "/checkout/scripts/install";
  const binary = ["--binary", "/shared/one"];

  expect(await refusal(["setpriv", "--reuid=65534", script, ...binary])).toContain(
    "as root: sudo scripts/install",
  );
  expect(await refusal([script, "--binary", "/shared/none"])).toContain("/shared/none is not there");
  expect(await refusal([script, "--binary", "/bin/true"])).toContain(
    "/bin/true is no croft that runs on this machine",
  );
  expect(await refusal([script, ...binary, "--domain", "Sites"])).toContain(
    "--domain: Sites is not a host name",
  );
  expect((await install("--purge-data")).exitCode).toBe(2);

  // A service under a well-known name, with port 80 in its hands.
  await machine.ok("cp", "/usr/bin/systemd-socket-activate", "/root/nginx");
  await machine.ok("systemd-run", "--unit=web", "/root/nginx", "--listen=80", "/bin/true");
  await until(
    "port 80 is taken",
    () => machine.run([script, ...binary]),
    ({ stderr }) => /port 80 is taken by nginx \(process \d+\)/.test(stderr),
  );
  await machine.ok("systemctl", "stop", "web");

  const unshared = ["unshare", "--mount", "sh", "-c"];
  expect(await refusal([...unshared, `umount -l /run && ${script}`])).toContain("is not run by systemd");
  expect(
    await refusal([
      ...unshared,
      `echo 'ID=fedora PRETTY_NAME="Fedora 43"' >/run/os && mount --bind /run/os /etc/os-release && ${script}`,
    ]),
  ).toContain("Fedora 43 is not supported: Debian 12 or Ubuntu 22.04");
  await machine.ok("rm", "/root/nginx");
  expect(await fingerprint()).toBe(before);
});

test("--check says what would be done, and does nothing", async () => {
  const before = await fingerprint();
  const said = await installed("--check", "--binary", "/shared/one", "--domain", domain);
  expect(said).toContain("would install Docker");
  expect(said).toContain("would write /usr/local/bin/croft");
  expect(said).toContain("would start croft");
  expect(said.slice(0, -1).every((line) => line.startsWith("would "))).toBe(true);
  expect(said.at(-1)).toBe(`${said.length - 1} changes would be made`);
  const withDisk = await installed("--check", "--binary", "/shared/one", "--docker-disk", "2g");
  expect(withDisk.filter((line) => line.includes("XFS"))).toEqual([
    "would lay Docker's data on an XFS file system of 2g with quotas, in /var/lib/croft-docker.xfs",
  ]);
  const much = await install("--check", "--binary", "/shared/one", "--docker-disk", "90000g");
  expect([much.exitCode, much.stderr]).toEqual([1, expect.stringContaining("do not fit into")]);
  expect(await fingerprint()).toBe(before);
});

test("installs on a bare machine, and says what comes next", async () => {
  const said = await installed("--binary", "/shared/one", "--domain", domain, "--email", "ops@example.org");
  expect(said.at(-2)).toStartWith("done: croft ");
  expect(said.at(-1)).toContain("croft setup --username NAME");
  const modes = await machine.ok(
    "stat",
    "--format=%a %U:%G",
    "/usr/local/bin/croft",
    "/etc/croft/croft.env",
    "/var/lib/croft/master.key",
  );
  expect(modes.split("\n")).toEqual(["755 root:root", "600 root:root", "600 root:root"]);
  // What others may do there is pass through: the edge's user has to.
  expect(await machine.ok("stat", "--format=%a", "/var/lib/croft")).toBe("711");
  const [edge] = await edges();
  const settings = await machine.ok("cat", "/etc/croft/croft.env");
  const uid = await machine.ok("stat", "--format=%u", edge!);
  expect(settings).toEndWith(`\nCROFT_EDGE_UID=${uid}`);
  expect(settings).toContain(`\nCROFT_BASE_DOMAIN=${domain}\n`);
  expect(settings).toContain("\nCROFT_ACME_EMAIL=ops@example.org\n");
  expect(await machine.ok("getent", "passwd", uid)).toEndWith(":/nonexistent:/usr/sbin/nologin");
  expect(await machine.ok("cat", "/proc/sys/net/ipv4/tcp_migrate_req")).toBe("1");
  expect(await machine.ok("docker", "info", "--format", "{{.LiveRestoreEnabled}}")).toBe("true");
});

test("the unit is one that systemd has nothing against", async () => {
  const verified = await machine.run(["systemd-analyze", "verify", "croft.service"]);
  expect(verified).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  const rotated = await machine.run(["logrotate", "--debug", "/etc/logrotate.d/croft"]);
  expect(rotated.stderr).not.toContain("error");
  // What it may be exposed to at most; a daemon that drives Docker cannot be far below.
  await machine.ok("systemd-analyze", "security", "--threshold=65", "croft.service");
});

test("run again, it changes nothing and says so", async () => {
  const before = await fingerprint();
  const said = await installed("--binary", "/shared/one");
  expect(said[0]).toStartWith("all is as it should be: croft ");
  expect(await fingerprint()).toBe(before);
});

test("finishes a run that was cut short after the program was replaced", async () => {
  const before = await daemon();
  // The same bytes, but another file than the one that runs.
  await machine.ok(
    "sh",
    "-c",
    "cp -p /usr/local/bin/croft /usr/local/bin/c && mv /usr/local/bin/c /usr/local/bin/croft",
  );
  expect(await installed("--binary", "/shared/one")).toContain("restart croft; sites go on being served");
  expect(await daemon()).not.toBe(before);
});

test("mends what is not as it should be, and leaves settings alone", async () => {
  await machine.ok(
    "sh",
    "-c",
    "echo '# mine' >>/etc/croft/croft.env && echo >>/etc/systemd/system/croft.service && rm /etc/logrotate.d/croft",
  );
  await machine
    .ok("sysctl", "-w", "net.ipv4.tcp_migrate_req=0")
    .catch(() => machine.ok("sh", "-c", "echo 0 >/proc/sys/net/ipv4/tcp_migrate_req"));
  const said = await installed("--binary", "/shared/one", "--domain", "other.example.org");
  expect(said.slice(0, -2)).toEqual([
    "apply /etc/sysctl.d/60-croft.conf",
    "write /etc/logrotate.d/croft",
    "write /etc/systemd/system/croft.service",
    "restart croft; sites go on being served",
  ]);
  const settings = await machine.ok("cat", "/etc/croft/croft.env");
  expect(settings).toEndWith("# mine");
  expect(settings).toContain(`CROFT_BASE_DOMAIN=${domain}`);
});

test("an owner deploys an app and a page, and both are served", async () => {
  const image = join(shared, "image.tar");
  await run(["docker", "save", "--output", image, "oven/bun:1-slim"]);
  await machine.ok("docker", "load", "--input", "/shared/image.tar");
  await rm(image);
  for (const [path, text] of Object.entries(loadApp("r1"))) await Bun.write(join(shared, "app", path), text);
  const setup = await machine.run(
    [
      "env",
      "CROFT_DATA_DIR=/var/lib/croft",
      "croft",
      "setup",
      "--username",
      "ada",
      "--email",
      "ada@example.org",
      "--password-stdin",
    ],
    "correct-horse-battery\n",
  );
  expect(setup.exitCode, setup.stderr).toBe(0);
  await croft("site", "create", "page", "--type", "static");
  await croft("deploy", "page", "--dir", "/checkout/scripts/samples/hello-static", "--wait");
  await croft("site", "create", "app");
  await croft("site", "limits", "app", "--rpm", "10000000", "--cpu", "1");
  await croft("deploy", "app", "--dir", "/shared/app", "--wait");
  await sitesAnswer();
  // When memory runs out the kernel spares daemon and edge, not sites; some machines keep this right to themselves.
  const adjust = "OOMScoreAdjust=-500";
  expect(await machine.ok("systemctl", "show", "--property=OOMScoreAdjust", "croft")).toBe(adjust);
  const mayAdjust = await machine.run(["sh", "-c", "echo -500 >/proc/self/oom_score_adj"]);
  const spared = [await daemon(), ...(await edges()).map((path) => path.split("/")[2])];
  for (const pid of spared)
    expect(await machine.ok("cat", `/proc/${pid}/oom_score_adj`)).toBe(
      mayAdjust.exitCode === 0 ? "-500" : "0",
    );
});

test("a build that starts processes without end is bounded by systemd, and leaves no unit behind", async () => {
  expect(await machine.ok("docker", "info", "--format", "{{.CgroupDriver}}")).toBe("systemd");
  await Bun.write(
    join(shared, "forks", "Dockerfile"),
    `FROM oven/bun:1-slim\nRUN i=0; while [ $i -lt 1200 ]; do sleep 60 & i=$((i+1)); done; echo all of them run\n`,
  );
  await croft("site", "create", "forks", "--type", "dockerfile");
  await expect(croft("deploy", "forks", "--dir", "/shared/forks", "--wait")).rejects.toThrow(
    /[Cc]an(not|'t) fork/,
  );
  await croft("site", "delete", "forks", "--confirm", "forks");
  expect(
    await machine.ok("systemctl", "list-units", "--all", "--plain", "--no-legend", "croft_build-*"),
  ).toBe("");
  expect(await machine.ok("ls", "/run/systemd/system.control")).toBe("croft_build.slice.d");
});

test("commands of a site share one replica's limits in a slice of systemd's", async () => {
  const command = croft("exec", "app", "--", "sh", "-c", "sleep 8; echo done");
  const slices = async () =>
    (
      await machine.ok(
        "sh",
        "-c",
        "systemctl list-units --plain --no-legend 'croft_one_off-*' | cut -d' ' -f1",
      )
    ).split("\n");
  const [slice] = await until("it has a slice", slices, ([first]) => first !== "");
  const { asked } = JSON.parse(await croft("site", "limits", "app", "--json")) as {
    asked: { memoryBytes: number; pids: number };
  };
  const held = await machine.ok(
    "systemctl",
    "show",
    slice!,
    "--property=MemoryMax,TasksMax,CPUQuotaPerSecUSec",
  );
  expect(held.split("\n").sort()).toEqual([
    "CPUQuotaPerSecUSec=1s",
    `MemoryMax=${asked.memoryBytes}`,
    `TasksMax=${asked.pids}`,
  ]);
  const kernel = ["memory.limit_in_bytes", "memory.max"]
    .map((file) => `-path '*/${slice}/${file}'`)
    .join(" -o ");
  const inKernel = await machine.ok("sh", "-c", `find /sys/fs/cgroup -maxdepth 4 ${kernel} | xargs cat`);
  expect(inKernel).toBe(String(asked.memoryBytes));
  const container = `find /sys/fs/cgroup -maxdepth 4 -path '*/${slice}/docker-*' | wc -l`;
  await until(
    "it is in it",
    () => machine.ok("sh", "-c", container),
    (count) => count !== "0",
  );
  expect(await command).toBe("done");
});

test("the doctor finds in order what the script has put in order", async () => {
  const { stdout } = await machine.run([
    "env",
    "HOME=/root",
    "CROFT_DATA_DIR=/var/lib/croft",
    "croft",
    "doctor",
    "--json",
  ]);
  const { items } = JSON.parse(stdout) as { items: Finding[] };
  const inOrder = [
    "daemon",
    "git",
    "master key",
    "docker",
    "live restore",
    "firewall",
    "hand-over",
    "forwarding",
  ];
  for (const check of [...inOrder, "file watches", "edge"])
    expect(items.find((item) => item.check === check)).toMatchObject({ state: "ok" });
  // Nobody has this name; both records are missing, and it says which.
  const names = items.filter(({ check }) => check.endsWith("name") || check.endsWith("names"));
  expect(names.map(({ state }) => state)).toEqual(["fail", "fail"]);
  expect(names[1]!.mend).toContain(`*.${domain}`);
});

test("the edge's log is rotated under it", async () => {
  await machine.ok("logrotate", "--force", "/etc/logrotate.d/croft");
  expect(await machine.ok("stat", "--format=%s", "/var/lib/croft/logs/edge.log")).toBe("0");
  expect(await machine.ok("zcat", "/var/lib/croft/logs/edge.log.1.gz")).toContain("the edge serves");
});

/** Visitors all the while; no request of theirs may fail. */
const underLoad = async (act: () => Promise<void>): Promise<void> => {
  const load = startLoad({
    address: await machine.address(),
    port: 80,
    host: app,
    workersPerKind: 2,
    pauseMs: 2,
  });
  const { report } = load;
  const requested = (more: number) =>
    until(
      "requests are made",
      async () => report.requests,
      (now) => now > more,
    );
  try {
    await requested(500);
    await act();
    await requested(report.requests + 500);
  } finally {
    await load.stop();
  }
  expect(report.failures).toEqual([]);
  expect(report.failed).toBe(0);
};

test(`${restarts} restarts of the daemon and one kill fail no request: the edge goes on`, async () => {
  const before = await edges();
  await underLoad(async () => {
    for (let n = 0; n < restarts; n++) {
      await machine.ok("systemctl", "restart", "croft");
      await until("the daemon answers", ready, Boolean);
    }
    const pid = await daemon();
    await machine.ok("bash", "-c", `kill -KILL ${pid}`);
    await until("systemd starts another one", daemon, (now) => now !== "0" && now !== pid);
    await until("the daemon answers", ready, Boolean);
  });
  expect(await edges()).toEqual(before);
});

test(`${upgrades} upgrades to another build fail no request: one edge takes over from the other`, async () => {
  const builds = ["/shared/one", await build("two")];
  await underLoad(async () => {
    for (let n = 1; n <= upgrades; n++) {
      const before = await edges();
      const said = await installed("--binary", builds[n % 2]!);
      expect(said).toContain("replace /usr/local/bin/croft, which stays as /usr/local/bin/croft.previous");
      await until(
        "the new build's edge has taken over",
        edges,
        (now) => !now.some((pid) => before.includes(pid)),
      );
    }
  });
});

test("a binary that does not start is told at once, with the way back", async () => {
  await machine.ok(
    "sh",
    "-c",
    "printf '#!/bin/sh\\n[ \"$1\" = version ] && echo croft 0.0 || exit 1\\n' >/root/broken && chmod +x /root/broken",
  );
  const failed = await install("--binary", "/root/broken");
  expect(failed.exitCode, failed.stdout).toBe(1);
  expect(failed.stderr).toContain(
    "the program before: scripts/install --binary /usr/local/bin/croft.previous",
  );
  expect(failed.stderr).toContain("error: croft does not start");
  await sitesAnswer();
  await installed("--binary", "/usr/local/bin/croft.previous");
  await sitesAnswer();
});

test("a restart of Docker fails no request: containers run on without it", async () => {
  await underLoad(async () => {
    await machine.ok("systemctl", "restart", "docker");
    await machine.ok("docker", "ps");
  });
});

test("opens its ports in a firewall that is active, and only there", async () => {
  expect((await installed("--binary", "/shared/one"))[0]).toStartWith("all is as it should be");
  await machine.ok("ufw", "--force", "enable");
  expect(await visit(page)).not.toStartWith("200");
  expect((await installed("--binary", "/shared/one")).slice(0, 2)).toEqual([
    "open port 80 in ufw",
    "open port 443 in ufw",
  ]);
  await sitesAnswer();
  expect((await installed("--binary", "/shared/one"))[0]).toStartWith("all is as it should be");
});

test("after a reboot every site is back", async () => {
  await machine.reboot();
  await sitesAnswer();
  expect((await edges()).length).toBeGreaterThan(0);
});

test("uninstalled, nothing of it runs or lies around but data; installed again, every site is back", async () => {
  expect(await installed("--uninstall", "--check")).toContain("would stop the edge");
  await sitesAnswer();
  const said = await installed("--uninstall");
  expect(said.at(-1)).toStartWith("kept: /var/lib/croft, /etc/croft/croft.env and the user croft-edge");
  const left = await machine.ok(
    "sh",
    "-c",
    `find / -xdev -path /proc -prune -o -path /var/lib/docker -prune -o -name '*croft*' -print; iptables-save; ip6tables-save; docker ps -a; docker network ls; systemctl list-units --all`,
  );
  const mentions = left
    .split("\n")
    .filter((line) => /croft/i.test(line) && !line.startsWith("/var/lib/croft/"));
  expect(mentions.sort()).toEqual([
    "/etc/croft",
    "/etc/croft/croft.env",
    "/root/.config/croft",
    "/var/lib/croft",
  ]);
  expect(await machine.ok("ufw", "status")).toBe("Status: active");
  expect(await installed("--uninstall")).toHaveLength(1);

  await installed("--binary", "/shared/one");
  await sitesAnswer();
});

test("--purge-data leaves nothing", async () => {
  await installed("--uninstall", "--purge-data");
  const left = await machine.ok(
    "sh",
    "-c",
    "ls -d /var/lib/croft /etc/croft 2>/dev/null; docker images -q 'croft/*'; docker volume ls -q; getent passwd croft-edge; true",
  );
  expect(left).toBe("");
  expect(await installed("--uninstall")).toEqual(["nothing of Croft is installed here"]);
});
