import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { AppLogView } from "../../domain/app-log.ts";
import type { SiteView } from "../../domain/views.ts";
import { tenantOf } from "./tenant.ts";
import { nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(180_000);
const soak = process.env.CROFT_SOAK === "1";

let croft: TestCroft;
let site: SiteView;
const slug = uniqueSlug("logs");
/** Prints numbered lines without a pause worth the name; each life of it has a name of its own. */
const app = (version: string): Record<string, string> =>
  nodeApp(`
    const life = ${JSON.stringify(version)} + process.env.HOSTNAME + Date.now();
    let n = 0;
    const timer = setInterval(() => console.log("count " + life + " " + ++n), 5);
    console.error("ERROR key is", process.env.SECRET_KEY);
    const end = (code) => { clearInterval(timer); console.log("end " + life + " " + n); process.exitCode = code; setTimeout(() => process.exit(code), 20); };
    process.on("SIGTERM", () => end(0));
    require("node:http").createServer((request, response) => {
      response.end("up");
      if (request.url === "/crash") end(3);
    }).listen(process.env.PORT);
  `);

interface Page {
  items: string[];
  entries: AppLogView[];
  next: string | null;
}
const logs = async (query = "", token?: string): Promise<Page> =>
  (await croft.api<Page>("GET", `/sites/${slug}/logs?${query}`, undefined, token)).body;
const all = async (): Promise<string[]> => {
  const response = await fetch(
    `http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/logs/download?format=ndjson`,
    { headers: { authorization: `Bearer ${croft.token}` } },
  );
  return (await response.text())
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as AppLogView).text);
};

beforeAll(async () => {
  croft = await startCroft();
  site = await croft.createSite(slug);
  await croft.api("PUT", `/sites/${slug}/env`, { set: { SECRET_KEY: "s3cr3t-of-the-site" }, secret: true });
  const { exitCode, output } = await croft.push(slug, app("one"));
  expect(exitCode, output).toBe(0);
});
afterAll(() => croft.destroy());

test("each line of every container is kept once, over kills of the daemon, a crash and a deploy", async () => {
  for (let kill = 0; kill < (soak ? 40 : 4); kill++) {
    await Bun.sleep(Math.random() * 1500);
    await croft.kill("SIGKILL");
    await croft.start();
  }
  await croft.visit(`${slug}.localhost`, "/crash");
  await until(
    "it is started again",
    () => croft.visit(`${slug}.localhost`),
    ({ status }) => status === 200,
  );
  const { exitCode, output } = await croft.push(slug, app("two"));
  expect(exitCode, output).toBe(0);
  await until(
    "three lives, two of them over",
    async () =>
      (await logs("search=count two&limit=1")).items.length + (await logs("search=end one")).items.length,
    (count) => count === 3,
  );
  const lines = await all();
  const lives = new Map<string, number[]>();
  for (const line of lines) {
    const counted = /^count (\S+) (\d+)$/.exec(line);
    if (counted) lives.set(counted[1]!, [...(lives.get(counted[1]!) ?? []), Number(counted[2])]);
  }
  expect(lives.size).toBe(3);
  for (const counts of lives.values()) expect(counts).toEqual(counts.map((_, n) => n + 1));
  const ends = lines.filter((line) => line.startsWith("end ")).map((line) => line.split(" "));
  expect(ends).toHaveLength(2);
  // To the last one that each of the two had counted to.
  for (const [, life, count] of ends) expect(lives.get(life!)!.length).toBe(Number(count));
  expect(lines.filter((line) => line.startsWith("lines may be missing"))).toEqual([]);
  expect(lines.join("\n")).not.toContain("s3cr3t");
});

test("lines are found by text, level, release and time, page by page", async () => {
  const errors = await logs("level=error&search=KEY IS");
  expect(errors.items).toEqual(Array(3).fill("ERROR key is ********"));
  expect(errors.entries.map((line) => line.release)).toEqual([1, 1, 2]);
  expect(errors.entries[0]).toMatchObject({ stream: "stderr", level: "error", process: "web", cut: false });
  expect((await logs("level=error&release=2")).items).toHaveLength(1);
  expect((await logs(`until=${errors.entries[0]!.at}&search=count`)).items.length).toBeLessThan(30);
  await until(
    "lines of the release",
    () => logs("limit=100&release=2&search=count"),
    ({ items }) => items.length === 100,
  );
  const newest = await logs("limit=50&release=2&search=count");
  const older = await logs(`limit=50&release=2&search=count&cursor=${newest.next}`);
  const numbers = [...older.items, ...newest.items].map((line) => Number(line.split(" ")[2]));
  expect(numbers).toHaveLength(100);
  expect(numbers).toEqual(numbers.map((_, n) => numbers[0]! + n));
  for (const [query, field] of [
    ["level=loud", "level"],
    ["since=yesterday", "since"],
    ["since=1h&until=2h", "until"],
    ["limit=2001", "limit"],
    ["cursor=x", "cursor"],
    ["order=random", "order"],
  ]) {
    const { status, body } = await croft.api<{ errors: { path: string }[] }>(
      "GET",
      `/sites/${slug}/logs?${query}`,
    );
    expect([status, body.errors?.[0]?.path]).toEqual([422, field]);
  }
});

test("what jobs print is there, too, and what is typed by people is not", async () => {
  const job = { name: "tick", schedule: "0 0 1 1 *", command: ["sh", "-c", "echo job says $SECRET_KEY"] };
  expect((await croft.api("POST", `/sites/${slug}/jobs`, job)).status).toBe(201);
  expect((await croft.api("POST", `/sites/${slug}/jobs/tick/run`, {})).status).toBe(202);
  await until(
    "the job's line",
    () => logs("process=job:tick"),
    ({ items }) => items.join() === "job says ********",
  );
  const { exitCode } = await croft.cli(["exec", slug, "--", "echo", "typed by a person"]);
  expect(exitCode).toBe(0);
  expect((await logs("search=typed by")).items).toEqual([]);
});

test("following goes on where it was, over a kill of the daemon", async () => {
  const follow = async (lastEventId: string | null, count: number) => {
    const response = await fetch(
      `http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/logs?search=count&limit=1`,
      {
        headers: {
          accept: "text/event-stream",
          authorization: `Bearer ${croft.token}`,
          ...(lastEventId === null ? {} : { "last-event-id": lastEventId }),
        },
      },
    );
    let text = "";
    const decoder = new TextDecoder();
    const events = () => [...text.matchAll(/id: (\S+)\nevent: log\ndata: (.*)\n\n/g)];
    for await (const piece of response.body!) {
      text += decoder.decode(piece, { stream: true });
      if (events().length >= count) break;
    }
    return events()
      .slice(0, count)
      .map(([, id, data]) => ({
        id: id!,
        n: Number((JSON.parse(data!) as { line: string }).line.split(" ")[2]),
      }));
  };
  const first = await follow(null, 100);
  await croft.kill("SIGKILL");
  await croft.start();
  const second = await follow(first.at(-1)!.id, 300);
  const numbers = [...first, ...second].map(({ n }) => n);
  expect(numbers).toEqual(numbers.map((_, n) => numbers[0]! + n));
});

test("is for those who may deploy; a download is written down", async () => {
  const tenant = await tenantOf(croft, "log-reader");
  for (const path of ["logs", "logs/download", "logs/storage"])
    expect((await croft.api("GET", `/sites/${slug}/${path}`, undefined, tenant.token)).status).toBe(404);
  expect((await croft.api("GET", "/host/retention", undefined, tenant.token)).status).toBe(403);
  expect((await croft.api("PUT", "/host/retention", { auditDays: 40 }, tenant.token)).status).toBe(403);
  const to = join(croft.dataDir, "..", "taken.log.gz");
  const { exitCode, stderr } = await croft.cli(["logs", slug, "--search", "key is", "--download", to]);
  expect(exitCode, stderr).toBe(0);
  const text = new TextDecoder().decode(Bun.gunzipSync(await Bun.file(to).bytes()));
  expect(text.trimEnd().split("\n")).toHaveLength(3);
  expect(text).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z web error {4}ERROR key is \*{8}\n/);
});

test("a site's log keeps to the size that it is given, and goes with the site", async () => {
  const storage = (
    await croft.api<{ usedBytes: number; maxBytes: number }>("GET", `/sites/${slug}/logs/storage`)
  ).body;
  expect(storage.usedBytes).toBeGreaterThan(10_000);
  const { stdout } = await croft.cli(["site", "log-storage", slug, "--max-size", "1m", "--days", "3"]);
  expect(stdout).toContain("of 1 MB");
  expect((await croft.cli(["retention", "--app-log-days", "2"])).stdout).toMatch(/what sites print +2 days/);
  const folder = join(croft.dataDir, "logs", "sites", site.environmentId);
  expect((await readdir(folder)).length).toBeGreaterThan(0);
  await croft.api("DELETE", `/sites/${slug}?confirm=${slug}`);
  await until(
    "its log is gone",
    async () => existsSync(folder),
    (there) => !there,
    60_000,
  );
});
