import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug } from "./croft.ts";

setDefaultTimeout(120_000);

let croft: TestCroft;
const [attacker, victim] = [uniqueSlug("attacker"), uniqueSlug("victim")];

/** Connects to where it is told and says what came of it. */
const prober = nodeApp(`
  const net = require("node:net");
  const fs = require("node:fs");
  const reach = (host, port) => new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 1500 });
    socket.on("connect", () => resolve("open")).on("error", (error) => resolve(error.code)).on("timeout", () => resolve("timeout"));
  });
  require("node:http").createServer(async (q, s) => {
    const url = new URL(q.url, "http://x");
    if (url.pathname === "/reach") return s.end(await reach(url.searchParams.get("host"), Number(url.searchParams.get("port"))));
    if (url.pathname === "/exists") return s.end(String(fs.existsSync(url.searchParams.get("path"))));
    s.end("up");
  }).listen(process.env.PORT);`);

const ask = async (path: string): Promise<string> => (await croft.visit(`${attacker}.localhost`, path)).body;
const reach = (host: string, port: number) => ask(`/reach?host=${host}&port=${port}`);
/** The same from the host, where it must work: otherwise a refusal inside would prove nothing. */
const reachableHere = (host: string, port: number): Promise<boolean> =>
  Bun.connect({ hostname: host, port, socket: { data() {} } }).then(
    (socket) => {
      socket.end();
      return true;
    },
    () => false,
  );
const inspect = async (site: string, format: string): Promise<string> =>
  docker("inspect", "--format", format, await docker("ps", "-q", "--filter", `label=croft.site=${site}`));
const addressOf = (site: string) => inspect(site, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
const portOf = async (site: string): Promise<number> =>
  Number(/^PORT=(\d+)$/m.exec(await inspect(site, "{{range .Config.Env}}{{println .}}{{end}}"))![1]);

beforeAll(async () => {
  croft = await startCroft();
  for (const site of [attacker, victim]) {
    await croft.createSite(site);
    const { exitCode, output } = await croft.push(site, prober);
    expect(exitCode, output).toBe(0);
  }
});
afterAll(() => croft.destroy());

test("a site reaches no other site's container", async () => {
  const [address, port] = [await addressOf(victim), await portOf(victim)];
  expect(await reachableHere(address, port)).toBe(true);
  expect(await reach("127.0.0.1", await portOf(attacker))).toBe("open");
  expect(await reach(address, port)).not.toBe("open");
});

test("a site reaches nothing that listens on the host, through whichever of its addresses", async () => {
  const server = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
  const gateway = await inspect(attacker, "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}");
  const addresses = (
    await docker("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Gateway}}{{end}}")
  )
    .split("\n")
    .concat(gateway);
  try {
    for (const address of addresses.filter(Boolean))
      for (const port of [server.port, croft.panelPort, croft.edgePort]) {
        if (port === server.port) expect(await reachableHere(address, port)).toBe(true);
        expect([address, port, await reach(address, port)]).not.toContain("open");
      }
  } finally {
    server.stop(true);
  }
});

test("neither the clouds' metadata address, nor private networks, nor Docker's socket", async () => {
  for (const address of ["169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1"])
    expect([address, await reach(address, 80)]).not.toContain("open");
  for (const path of ["/var/run/docker.sock", "/run/docker.sock", croft.dataDir])
    expect([path, await ask(`/exists?path=${path}`)]).toEqual([path, "false"]);
});
