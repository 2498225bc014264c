import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { loadApp, startLoad } from "../load/load.ts";
import { openEvents, openSocket } from "../load/streams.ts";
import { startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { rowsOf } from "./leftovers.ts";

const soak = process.env.CROFT_SOAK === "1";
const redeploys = soak ? 20 : 3;
const wantedRequests = soak ? 50_000 : 3000;
const drainSeconds = 2;

setDefaultTimeout(soak ? 900_000 : 180_000);

let croft: TestCroft;
const slug = uniqueSlug("drop");
const host = `${slug}.localhost`;

const deploy = async (release: string): Promise<void> => {
  const { exitCode, output } = await croft.push(slug, loadApp(release));
  expect(exitCode, output).toBe(0);
  expect((await croft.lastDeployment(slug)).status, output).toBe("success");
};
const releaseNow = async (): Promise<string> => (await croft.visit(host)).body.split(" ")[0]!;

beforeAll(async () => {
  croft = await startCroft({ CROFT_DRAIN_SECONDS: String(drainSeconds) });
  await croft.createSite(slug);
  const limits = await croft.api("PUT", `/sites/${slug}/limits`, {
    requestsPerMinute: 10_000_000,
    cpuMillicores: 1000,
  });
  expect(limits.status, JSON.stringify(limits.body)).toBe(200);
  await deploy("r0");
});
afterAll(() => croft.destroy());

/** Makes the supervisor compare what is with what should be, over and over: a switch can come at any point of it. */
const keepSupervisorBusy = async (): Promise<() => Promise<void>> => {
  const other = uniqueSlug("other");
  await croft.createSite(other);
  let stopped = false;
  const busy = (async () => {
    while (!stopped) {
      await croft.api("POST", `/sites/${other}/start`);
      await Bun.sleep(20);
    }
  })();
  return async () => {
    stopped = true;
    await busy;
  };
};

test(`${redeploys} redeploys in a row under load fail no request, whatever the supervisor looks at meanwhile`, async () => {
  const load = startLoad({ port: croft.edgePort, host, workersPerKind: 2, pauseMs: 2 });
  const releases = ["r0"];
  const rest = await keepSupervisorBusy();
  try {
    for (let n = 1; n <= redeploys; n++) {
      releases.push(`r${n}`);
      await deploy(`r${n}`);
    }
    await until(
      "enough requests are made",
      async () => load.report.requests,
      (requests) => requests >= wantedRequests,
      soak ? 300_000 : 60_000,
    );
  } finally {
    await rest();
    await load.stop();
  }
  const { report } = load;
  expect(report.failures).toEqual([]);
  expect(report.failed).toBe(0);
  expect(report.requests).toBeGreaterThanOrEqual(wantedRequests);
  expect(report.releases).toEqual(releases);
  expect(Object.values(report.byKind).every((count) => count > 20)).toBe(true);
});

test("a first release keeps its replica, whatever the supervisor looks at meanwhile", async () => {
  const rest = await keepSupervisorBusy();
  const firsts = Array.from({ length: soak ? 20 : 6 }, () => uniqueSlug("first"));
  try {
    for (const first of firsts) {
      await croft.createSite(first);
      const { exitCode, output } = await croft.push(first, loadApp("r1"));
      expect(exitCode, output).toBe(0);
    }
  } finally {
    await rest();
  }
  // Each environment's replicas ever, by the rows.
  for (const first of firsts)
    expect(
      rowsOf(
        croft,
        `SELECT replicas.state FROM replicas JOIN environments ON environments.id = environment_id
         JOIN sites ON sites.id = site_id WHERE slug = ?`,
        first,
      ),
    ).toEqual([{ state: "running" }]);
});

test("a WebSocket and an event stream stay whole on their release through a deploy, and are told to go", async () => {
  const before = await releaseNow();
  const socket = await openSocket(croft.edgePort, host);
  const events = await openEvents(croft.edgePort, host);
  const deployed = deploy("streams");
  await until("the new release serves", releaseNow, (release) => release === "streams");
  // Switched: who is connected stays with the release that it spoke to.
  const [heardAtSwitch, eventsAtSwitch] = [socket.heard.length, events.heard.length];
  await until(
    "both go on after the switch",
    async () => Math.min(socket.heard.length - heardAtSwitch, events.heard.length - eventsAtSwitch),
    (further) => further > 3,
    drainSeconds * 1000,
  );
  // 1001: the endpoint goes away (RFC 6455 section 7.4.1), which clients take as a call to connect anew.
  expect(await socket.closed).toBe(1001);
  await events.ended;
  await deployed;
  expect(socket.heard).toEqual(socket.heard.map((_, at) => `${before} ${at + 1}`));
  expect(events.heard).toEqual(events.heard.map((_, at) => `${at + 1} ${before}`));

  const again = await openSocket(croft.edgePort, host);
  expect(again.heard[0]).toBe("streams 1");
  again.close();
  expect(await again.closed).toBe(1000);
});
