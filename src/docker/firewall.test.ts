import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { networkInterfaces } from "node:os";
import type { NetworkRef } from "../domain/engine.ts";
import { silentLog } from "../domain/log.ts";
import {
  type DockerFixture,
  busyboxImage,
  dockerApi,
  dockerFixture,
  eventually,
} from "../testing/docker-fixture.ts";
import { systemClock } from "../domain/clock.ts";
import { createDockerEngine } from "./docker-engine.ts";
import { closedChain, forwardChain, hookRules, inputChain, rulesV4 } from "./firewall-rules.ts";
import { createFirewall, nameserversOf } from "./firewall.ts";
import { runCommand } from "./run-command.ts";

setDefaultTimeout(60_000);

const run = async (...argv: [string, ...string[]]): Promise<string> => {
  const result = await runCommand(argv, { deadlineMs: 15_000 });
  if (result?.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${result?.stderr ?? "not installed"}`);
  return result.stdout;
};

let fixture: DockerFixture;
let neighbour: DockerFixture;
let network: NetworkRef;
let neighbourNetwork: NetworkRef;
beforeAll(async () => {
  fixture = await dockerFixture();
  neighbour = await dockerFixture({ engine: fixture.engine });
  network = await fixture.network();
  neighbourNetwork = await neighbour.network();
});
afterAll(async () => {
  await fixture.cleanup();
  await neighbour.cleanup();
});

/** Whether a replica on `on` can open a TCP connection, by busybox nc's exit code. */
const reaches = async (host: string, port: number, on: NetworkRef = network): Promise<boolean> => {
  const script = `nc -w 2 ${host} ${port} </dev/null; echo exit $?`;
  const { replicaId } = await fixture.start(script, on);
  const line = await eventually("nc's end", async () =>
    (await fixture.engine.logTail(replicaId, 20)).find((each) => each.startsWith("exit ")),
  );
  await fixture.engine.removeReplica(replicaId);
  return line === "exit 0";
};

const listen = async (on: NetworkRef, owner = fixture): Promise<string> => {
  const state = await owner.start("httpd -f -p 8080", on);
  await eventually("listener", async () => (await owner.engine.listeningPorts(state.replicaId)).length > 0);
  return state.address!;
};

const hostAddress = (): string =>
  Object.values(networkInterfaces())
    .flat()
    .find((each) => each!.family === "IPv4" && !each!.internal && !each!.address.startsWith("172."))!.address;

test("the host reaches a replica; a replica of the same environment too; another site does not", async () => {
  const address = await listen(network);
  expect((await fetch(`http://${address}:8080/`, { signal: AbortSignal.timeout(5000) })).status).toBe(404);
  expect(await reaches(address, 8080)).toBe(true);
  expect(await reaches(address, 8080, neighbourNetwork)).toBe(false);
  expect(await reaches(await listen(neighbourNetwork, neighbour), 8080)).toBe(false);
});

test("where each is apart, as builds are, none reaches another; a network that was not so becomes it", async () => {
  const before = await fixture.network();
  const address = await listen(before);
  expect(await reaches(address, 8080, before)).toBe(true);
  const apart = { ...before, apart: true };
  await fixture.engine.ensureNetwork(apart, fixture.owner);
  const { Id } = await dockerApi("GET", `/networks/${before.name}`);
  await fixture.engine.ensureNetwork(apart, fixture.owner);
  expect((await dockerApi("GET", `/networks/${before.name}`)).Id).toBe(Id);
  const moved = await listen(apart);
  expect((await fetch(`http://${moved}:8080/`, { signal: AbortSignal.timeout(5000) })).status).toBe(404);
  expect(await reaches(moved, 8080, apart)).toBe(false);
});

test("ports of the host are closed to replicas, by gateway and by any other address of it", async () => {
  const server = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
  try {
    const gateway = (await dockerApi("GET", `/networks/${network.name}`)).IPAM.Config[0].Gateway ?? null;
    const bridgeAddress =
      gateway ?? network.subnet.replace(/\d+\/28$/, (last) => String(Number.parseInt(last) + 1));
    // the listener is open: the host itself, and a container that is not Croft's, get through
    const own = await fetch(`http://${bridgeAddress}:${server.port}/`, {
      signal: AbortSignal.timeout(300),
    }).catch((error) => error.name);
    expect(own).toBe("TimeoutError");
    const { Id } = await dockerApi("POST", "/containers/create", {
      Image: await busyboxImage(),
      Cmd: ["nc", "-w", "2", hostAddress(), String(server.port)],
    });
    try {
      await dockerApi("POST", `/containers/${Id}/start`);
      expect((await dockerApi("POST", `/containers/${Id}/wait`)).StatusCode).toBe(0);
    } finally {
      await dockerApi("DELETE", `/containers/${Id}?force=1`);
    }
    expect(await reaches(bridgeAddress, server.port)).toBe(false);
    expect(await reaches(hostAddress(), server.port)).toBe(false);
    expect(await reaches("172.17.0.1", server.port)).toBe(false);
  } finally {
    server.stop(true);
  }
});

/** A machine behind the host, with an address of each kind: the cloud's metadata service, a LAN, the Internet. */
const machineBehind = async () => {
  const id = Math.floor(Math.random() * 200) + 20;
  const [namespace, inside, outside] = [`croft-t${id}`, `ct${id}i`, `ct${id}o`];
  const prefixes = {
    metadata: `169.254.${id}`,
    lan: `192.168.${id}`,
    shared: `100.64.${id}`,
    internet: `198.51.${id}`,
  };
  const children: Bun.Subprocess[] = [];
  const remove = async () => {
    for (const child of children) {
      child.kill();
      await child.exited;
    }
    await run("ip", "netns", "delete", namespace);
  };
  const spawn = (...argv: string[]) => {
    const child = Bun.spawn(["ip", "netns", "exec", namespace, "/bin/busybox", ...argv], {
      stdin: "pipe", // nc ends with it
      stdout: "pipe",
    });
    children.push(child);
    return child;
  };
  await run("ip", "netns", "add", namespace);
  try {
    await run("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", namespace);
    for (const prefix of Object.values(prefixes)) {
      await run("ip", "address", "add", `${prefix}.1/30`, "dev", outside);
      await run("ip", "-n", namespace, "address", "add", `${prefix}.2/30`, "dev", inside);
    }
    await run("ip", "link", "set", outside, "up");
    await run("ip", "-n", namespace, "link", "set", inside, "up");
    await run("ip", "-n", namespace, "route", "add", "default", "via", `${prefixes.internet}.1`);
    spawn("httpd", "-f", "-p", "80");
    for (const prefix of Object.values(prefixes))
      await eventually(`${prefix}.2 answers the host`, () =>
        fetch(`http://${prefix}.2/`, { signal: AbortSignal.timeout(1000) }).then(
          () => true,
          () => false,
        ),
      );
  } catch (error) {
    await remove();
    throw error;
  }
  const address = (kind: keyof typeof prefixes) => `${prefixes[kind]}.2`;
  return { address, spawn, [Symbol.asyncDispose]: remove };
};

test("link-local and private addresses are closed, the rest of the world is open", async () => {
  await using machine = await machineBehind();
  expect(await reaches(machine.address("internet"), 80)).toBe(true);
  for (const kind of ["metadata", "lan", "shared"] as const)
    expect(await reaches(machine.address(kind), 80)).toBe(false);
});

/** An engine of an installation, with firewall rules of its own. */
const installed = () =>
  createDockerEngine({
    dockerHost: "unix:///var/run/docker.sock",
    log: silentLog,
    clock: systemClock,
    hostFirewall: true,
    installation: fixture.site,
  });
test("a closed network begins no connection, not even to a name server; visitors and its own replicas reach it", async () => {
  await using machine = await machineBehind();
  const world = machine.address("internet");
  const closed = await fixture.network();
  const address = await listen(closed);
  expect(await reaches(world, 80, closed)).toBe(true);
  expect(await resolves(closed)).toBe(true);
  const own = installed();
  try {
    await own.ensureFirewall([{ ...closed, closed: true }]);
    // Another installation's pass leaves it closed.
    await fixture.engine.ensureFirewall([]);
    expect(await reaches(world, 80, closed)).toBe(false);
    expect(await resolves(closed)).toBe(false);
    expect(await reaches(world, 80)).toBe(true);
    expect(await reaches(address, 8080, closed)).toBe(true);
    expect((await fetch(`http://${address}:8080/`)).status).toBe(404);
    await own.ensureFirewall([closed]);
    expect(await reaches(world, 80, closed)).toBe(true);
  } finally {
    await own.ensureFirewall([]);
  }
  expect(await run("iptables", "-S")).not.toContain(closedChain(fixture.site));
});

test("a connection that a container had begun is cut when its network is closed", async () => {
  await using machine = await machineBehind();
  const sink = machine.spawn("nc", "-l", "-p", "9");
  let ticks = 0;
  void (async () => {
    for await (const bytes of sink.stdout as ReadableStream<Uint8Array>) ticks += bytes.length;
  })();
  const script = `while true; do echo tick; sleep 0.1; done | nc ${machine.address("internet")} 9`;
  await fixture.start(script, network);
  await eventually("ticks", async () => ticks > 20);
  const own = installed();
  try {
    await own.ensureFirewall([{ ...network, closed: true }]);
    await eventually("no more of them", async () => {
      const before = ticks;
      await Bun.sleep(500);
      return ticks === before;
    });
  } finally {
    await own.ensureFirewall([network]);
  }
});

/** Whether a replica on `on` can ask the host's name server. */
const resolves = async (on: NetworkRef): Promise<boolean> => {
  const { replicaId } = await fixture.start("nslookup croft-test.invalid; echo done", on);
  const log = await eventually("answer", async () => {
    const lines = await fixture.engine.logTail(replicaId, 50);
    return lines.includes("done") && lines.join("\n");
  });
  await fixture.engine.removeReplica(replicaId);
  return log.includes("NXDOMAIN");
};

test("name resolution works: the host's own name server answers", async () => {
  expect(await resolves(network)).toBe(true);
});

test("rules that somebody flushed, and jumps that somebody removed or overtook, come back", async () => {
  const rules = () => run("iptables", "-S");
  await run("iptables", "-F", forwardChain);
  await run("iptables", "-D", "INPUT", "-i", "croft+", "-j", inputChain);
  await fixture.engine.ensureFirewall([network]);
  expect(await rules()).toContain(`-A ${forwardChain} -d 169.254.0.0/16 -i croft+ -j REJECT`);
  await run("iptables", "-I", "INPUT", "1", "-i", "croft+", "-p", "tcp", "--dport", "9", "-j", "ACCEPT");
  try {
    await fixture.engine.ensureFirewall([network]);
    const input = (await rules()).split("\n").filter((line) => line.startsWith("-A INPUT"));
    expect(input[0]).toBe(`-A INPUT -i croft+ -j ${inputChain}`);
    expect(input.filter((line) => line.endsWith(inputChain))).toHaveLength(1);
  } finally {
    await run("iptables", "-D", "INPUT", "-i", "croft+", "-p", "tcp", "--dport", "9", "-j", "ACCEPT");
  }
  expect((await fixture.engine.info()).firewall.holds).toBe(true);
});

test("several engines at once leave one set of rules, which covers all networks", async () => {
  const engines = await Promise.all([dockerFixture(), dockerFixture(), dockerFixture()]);
  await Promise.all(engines.map(({ engine }) => engine.ensureFirewall([])));
  const rules = (await run("iptables", "-S")).split("\n");
  expect(rules.filter((rule) => rule === `-A DOCKER-USER -j ${forwardChain}`)).toHaveLength(1);
  expect(rules.filter((rule) => rule === `-A ${inputChain} -i croft+ -j DROP`)).toHaveLength(1);
  expect(await reaches(await listen(neighbourNetwork, neighbour), 8080)).toBe(false);
});

test("switched off, it says so and does nothing", async () => {
  const firewall = createFirewall(silentLog, false);
  expect(await firewall.ensure()).toEqual({ holds: false, detail: "switched off" });
});

test("name servers: IPv4 only, none on loopback", () => {
  expect(
    nameserversOf(
      "# x\nnameserver 127.0.0.53\n nameserver 10.1.2.3\nnameserver fe80::1%eth0\nnameserver x; -j ACCEPT\n",
    ),
  ).toEqual(["10.1.2.3"]);
});

test("without Docker's own chain the jump goes into FORWARD; a jump that is there is moved, not doubled", () => {
  expect(hookRules(":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n")).toBe(
    `-I INPUT 1 -i croft+ -j ${inputChain}\n-I FORWARD 1 -j ${forwardChain}\n`,
  );
  expect(
    hookRules(`:DOCKER-USER - [0:0]\n-A DOCKER-USER -j X\n-A DOCKER-USER -j ${forwardChain}\n`),
  ).toContain(`-D DOCKER-USER -j ${forwardChain}\n-I DOCKER-USER 1 -j ${forwardChain}\n`);
});

test("the rules name nothing but Croft's bridges", () => {
  for (const line of rulesV4(["10.1.2.3"]).split("\n"))
    if (line.startsWith("-A")) expect(line).toMatch(/ -[io] croft\+ /);
});
