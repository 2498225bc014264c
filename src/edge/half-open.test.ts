import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type EdgeFixture, routeTo, startEdge } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";

/** Upstreams that are there and not there: stopped processes, and machines whose packets vanish. */

const app = `
const server = Bun.serve({ hostname: "0.0.0.0", port: 0, async fetch(request) {
  if (new URL(request.url).pathname !== "/half") return new Response("whole " + (await request.text()));
  return new Response(new ReadableStream({ async pull(controller) {
    controller.enqueue("half");
    await new Promise(() => {});
  } }));
} });
console.log(server.port);
`;
const children: Bun.Subprocess[] = [];
const startApp = async (before: string[] = []): Promise<{ child: Bun.Subprocess; port: number }> => {
  const child = Bun.spawn([...before, process.execPath, "-e", app], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  for await (const line of child.stdout) return { child, port: Number(Buffer.from(line).toString()) };
  throw new Error("the app ended");
};

let fixture: EdgeFixture;
beforeAll(() => {
  fixture = startEdge([], {
    connectMs: 1_000,
    answerMs: 1_500,
    silenceMs: 1_000,
    stallMs: 2_000,
    newsMs: 100,
  });
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
});
afterAll(() => fixture.close());

const route = (...replicas: [string, number][]): void =>
  fixture.route([
    routeTo(["site.test"], {
      kind: "replicas",
      replicas: replicas.map(([host, port], i) => ({ replicaId: `r${i}-${port}`, address: { host, port } })),
    }),
  ]);
const get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";
const post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 2\r\n\r\nhi";
const ask = async (request: string): Promise<string> => {
  const client = await connectRaw(fixture.port);
  client.send(request);
  try {
    return await client.until((text) => /<\/html>|whole (hi)?$/.test(text));
  } finally {
    client.close();
  }
};

test("a stopped process: 504 on kept and new connections, and it serves again when it goes on", async () => {
  const { child, port } = await startApp();
  route(["127.0.0.1", port]);
  expect(await ask(get)).toEndWith("whole ");
  child.kill("SIGSTOP");
  // The kernel goes on accepting for it.
  for (const request of [get, post, get]) expect(await ask(request)).toStartWith("HTTP/1.1 504 ");
  child.kill("SIGCONT");
  expect(await ask(post)).toEndWith("whole hi");
});

test("a process that is stopped in the middle of an answer: the answer visibly breaks off", async () => {
  const { child, port } = await startApp();
  route(["127.0.0.1", port]);
  const client = await connectRaw(fixture.port);
  client.send(get.replace("/", "/half"));
  await client.until((text) => text.includes("half"));
  child.kill("SIGSTOP");
  expect(await client.untilClosed()).not.toContain("\r\n0\r\n");
});

/** A machine of its own as far as the network goes, that can be made to drop what comes. */
const withMachine = async (
  act: (host: string, drop: (on: boolean) => void, inside: string[]) => Promise<void>,
) => {
  const name = `crofth${process.pid}`;
  const inside = ["ip", "netns", "exec", name];
  const run = (...argv: string[]): void => {
    const { exitCode, stderr } = Bun.spawnSync(argv, { stdout: "ignore", stderr: "pipe" });
    if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  };
  // A /30 from a range that is for such tests (RFC 2544), by process.
  const net = (process.pid % 16_000) * 4;
  const address = (last: number): string => `198.18.${(net + last) >> 8}.${(net + last) & 255}`;
  run("ip", "netns", "add", name);
  try {
    run("ip", "link", "add", `${name}a`, "type", "veth", "peer", "name", `${name}b`, "netns", name);
    run("ip", "addr", "add", `${address(1)}/30`, "dev", `${name}a`);
    run("ip", "link", "set", `${name}a`, "up");
    run(...inside, "ip", "addr", "add", `${address(2)}/30`, "dev", `${name}b`);
    run(...inside, "ip", "link", "set", `${name}b`, "up");
    const rule = ["INPUT", "-i", `${name}b`, "-j", "DROP"];
    await act(address(2), (on) => run(...inside, "iptables", "-w", on ? "-A" : "-D", ...rule), inside);
  } finally {
    Bun.spawnSync(["ip", "link", "del", `${name}a`], { stderr: "ignore" });
    run("ip", "netns", "del", name);
  }
};

test("a machine whose packets vanish: 504 at the connect deadline and on a kept connection, another replica if there is one", async () => {
  await withMachine(async (host, drop, inside) => {
    const far = await startApp(inside);
    const near = await startApp();
    route([host, far.port]);
    expect(await ask(get)).toEndWith("whole ");
    drop(true);
    // Sent on the kept connection, so it may have been understood: not sent again.
    expect(await ask(get)).toStartWith("HTTP/1.1 504 ");
    expect(await ask(post)).toStartWith("HTTP/1.1 504 ");
    // Not sent, since no connection came about: whatever it is, the other one gets it.
    route([host, far.port], ["127.0.0.1", near.port]);
    for (let i = 0; i < 3; i++) expect(await ask(post)).toEndWith("whole hi");
    drop(false);
    route([host, far.port]);
    expect(await ask(post)).toEndWith("whole hi");
  });
}, 60_000);
