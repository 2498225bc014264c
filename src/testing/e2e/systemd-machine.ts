import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker, run, until } from "./croft.ts";

/** A Debian of its own in a container, with systemd as its first process and its own Docker, if one is installed. */
export interface SystemdMachine extends AsyncDisposable {
  /** Where this machine reaches it. */
  address(): Promise<string>;
  run(argv: string[], input?: string): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** What it printed. @throws Error with all it said when it fails */
  ok(...argv: string[]): Promise<string>;
  /** Ends every process as a shutdown does, and boots again on the same disk. */
  reboot(): Promise<void>;
}

const image = "croft-test/systemd:bookworm";

/**
 * As a server is: packages may start their services, and ufw is there but not active. What tests install lies ready,
 * so that they need no network for it.
 */
const dockerfile = `FROM debian:bookworm-slim
RUN rm -f /usr/sbin/policy-rc.d /etc/apt/apt.conf.d/docker* && \\
    echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/no-sync && apt-get -q update && \\
    apt-get -q -y install --no-install-recommends systemd systemd-sysv dbus ufw
RUN apt-get -q -y install --no-install-recommends --download-only docker.io git iptables logrotate
COPY driver.conf /etc/systemd/system/docker.service.d/driver.conf
COPY boot /boot/start
STOPSIGNAL SIGRTMIN+3
CMD ["/boot/start"]
`;

/** Docker mounts these for reading; systemd and a Docker inside make groups of their own. */
const boot = `#!/bin/sh
for folder in /sys $(awk '$3 ~ /^cgroup/ { print $2 }' /proc/mounts); do mount -o remount,bind,rw "$folder"; done
exec /sbin/init
`;

/** As Docker does by itself where cgroups are of version 2, which this machine need not have. */
const driver = `[Service]
Environment=DOCKER_OPTS=--exec-opt=native.cgroupdriver=systemd
`;

/** capability.h, in its order; what came after 37 is unknown to Docker 20.10. */
const capabilities =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ".split(
    " ",
  );

/** As --privileged gives, but only what this machine has itself: with one less Docker would refuse. */
const rights = async (): Promise<string[]> => {
  const status = await readFile("/proc/self/status", "latin1");
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)![1]}`);
  return [
    ...capabilities.flatMap((name, bit) => ((bounding >> BigInt(bit)) & 1n ? ["--cap-add", name] : [])),
    ...["seccomp", "apparmor", "systempaths"].flatMap((name) => ["--security-opt", `${name}=unconfined`]),
    "--device-cgroup-rule",
    "a *:* rwm",
  ];
};

const buildImage = async (): Promise<void> => {
  const context = await mkdtemp(join(tmpdir(), "croft-systemd-"));
  try {
    await Bun.write(join(context, "Dockerfile"), dockerfile);
    await Bun.write(join(context, "boot"), boot);
    await Bun.write(join(context, "driver.conf"), driver);
    await run(["chmod", "755", join(context, "boot")]);
    const built = await run(["docker", "build", "--network", "host", "--tag", image, context], {
      env: { DOCKER_BUILDKIT: "0" },
    });
    if (built.exitCode !== 0) throw new Error(built.stdout + built.stderr);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
};

/** @param folders of this machine, to be seen there: path here -> path there */
export const systemdMachine = async (folders: Record<string, string>): Promise<SystemdMachine> => {
  await buildImage();
  const name = `croftless-systemd-${process.pid}-${Math.random().toString(36).slice(2, 6)}`;
  const machine: SystemdMachine = {
    address: () => docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name),
    run: (argv, input) => run(["docker", "exec", "--interactive", name, ...argv], { input: input ?? "" }),
    ok: async (...argv) => {
      const { exitCode, stdout, stderr } = await machine.run(argv);
      if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${exitCode}\n${stdout}${stderr}`);
      return stdout.trim();
    },
    reboot: async () => {
      await docker("restart", "--time", "60", name);
      await booted();
    },
    [Symbol.asyncDispose]: async () => void (await docker("rm", "--force", "--volumes", name)),
  };
  const booted = () =>
    until(
      "systemd has booted",
      async () => (await machine.run(["systemctl", "is-system-running"])).stdout.trim(),
      (state) => state === "running" || state === "degraded",
      60_000,
    );
  const started = await run([
    "docker",
    "run",
    "--detach",
    "--name",
    name,
    ...(await rights()),
    "--cgroupns=private",
    "--env=container=docker",
    ...["/run", "/run/lock", "/tmp"].flatMap((folder) => ["--tmpfs", `${folder}:exec`]),
    // Docker's layers cannot lie in a layer of Docker's.
    "--volume=/var/lib/docker",
    ...Object.entries(folders).flatMap(([here, there]) => ["--volume", `${here}:${there}:ro`]),
    image,
  ]);
  if (started.exitCode !== 0) {
    await machine[Symbol.asyncDispose]();
    throw new Error(started.stderr);
  }
  try {
    await booted();
    return machine;
  } catch (error) {
    const said = await docker("logs", "--tail", "20", name);
    await machine[Symbol.asyncDispose]();
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error });
  }
};
