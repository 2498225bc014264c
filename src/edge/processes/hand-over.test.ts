import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../domain/log.ts";
import { createEdgeClient, type EdgeClient } from "../client.ts";
import { edgeView } from "../edge-view.ts";
import { portOf } from "../listening.ts";
import { type EdgeProcess, ensureEdge, handOverEdge } from "../spawn.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { killEdge } from "../testing/edge-process.ts";
import { startLoad } from "../testing/steady-load.ts";
import { createAuthority } from "../tls/testing/authority.ts";

/** An edge takes the place of another one: nobody who is being served notices. */

const authority = createAuthority();
const server = Bun.serve({
  port: 0,
  development: false,
  async fetch(request) {
    if (request.method === "POST") await request.text();
    return new Response("hello");
  },
});
let dir: string;
let client: EdgeClient;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-hand-over-"));
  client = createEdgeClient(dir);
});
afterEach(async () => {
  await killEdge(dir);
  rmSync(dir, { recursive: true, force: true });
});
afterAll(async () => {
  await server.stop(true);
  authority.remove();
});

const local = { host: "127.0.0.1", port: 0 };
const wanted = (more: Partial<EdgeProcess> = {}): EdgeProcess => ({
  dir,
  view: edgeView(dir, null),
  listen: [local],
  listenTls: [local],
  command: [process.execPath, join(import.meta.dir, "../entry.ts")],
  uid: null,
  logFile: join(dir, "edge.log"),
  log: silentLog,
  version: "staged",
  ...more,
});

const handOvers = process.env.CROFT_SOAK === "1" ? 100 : 10;

test(
  "under load: no request fails, and each is counted once",
  async () => {
    await ensureEdge(wanted());
    await client.putTable({ version: 1, routes: [routeTo(["site.test"], toPort(server.port!), {}, "a")] });
    await client.putCertificates({
      version: 1,
      certificates: [authority.issue(["site.test"])],
      fallback: "refuse",
    });
    const [plain, secure] = (await client.health()).listening.map(portOf);
    const { epoch } = await client.meters();
    const loads = [
      startLoad({ port: plain!, host: "site.test", kept: 6, fresh: 6 }),
      startLoad({ port: secure!, host: "site.test", kept: 2, fresh: 2, ca: authority.ca }),
    ];
    const seen = new Set<number>();
    const sum = () => loads.reduce((sum, load) => sum + load.answered(), 0);
    for (let i = 0; i < handOvers; i++) {
      for (const enough = sum() + 200; sum() < enough;) await Bun.sleep(2);
      await handOverEdge(wanted());
      const health = await client.health();
      seen.add(health.pid);
      expect(health.listening.map(portOf)).toEqual([plain!, secure!]);
    }
    for (const enough = sum() + 200; sum() < enough;) await Bun.sleep(2);
    await Promise.all(loads.map((load) => load.stop()));
    expect(loads.flatMap((load) => load.failed())).toEqual([]);
    expect(seen.size).toBe(handOvers);
    const reading = await client.meters();
    expect(reading.epoch).toBe(epoch);
    expect(reading.meters.a!.requests).toBe(sum());
    expect(reading.meters.a!.status2xx).toBe(sum());
  },
  handOvers * 3_000 + 20_000,
);
