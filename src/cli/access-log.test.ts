import { afterEach, beforeEach, expect, test } from "bun:test";
import type { AccessLine } from "../domain/access-log.ts";
import { defaultEdgeRules, edgeRulesView } from "../domain/edge-rules.ts";
import { type Answer, eventStream, type FakeCroft, fakeCroft, problem } from "./testing/fake-croft.ts";

let croft: FakeCroft;
let answers: Record<string, Answer>;
beforeEach(async () => {
  answers = {};
  croft = await fakeCroft(answers);
});
afterEach(() => croft.close());

const line = (changes: Partial<AccessLine> = {}): AccessLine => ({
  time: "2026-03-10T12:00:00.123Z",
  id: "abc-1",
  address: "192.0.2.0",
  method: "GET",
  path: "/a",
  status: 200,
  bytesIn: 100,
  bytesOut: 2048,
  ms: 12.345,
  protocol: "HTTP/1.1",
  tls: true,
  host: "blog.test",
  ...changes,
});
const page = (items: AccessLine[], more: object = {}) => ({ items, dropped: 0, whole: true, ...more });

test("lines as text, Combined or JSON; filters go along", async () => {
  const hostile = line({
    path: '/\u001b[2J"\\',
    query: "q=1",
    userAgent: 'A "b" \n c',
    status: 503,
    aborted: true,
  });
  answers["GET /sites/blog/access-log"] = () => page([line(), hostile]);
  const argv = "access-log blog --status 5xx --path /a --since 1h --limit 5 --environment staging".split(" ");
  const { out, err } = await croft.run(argv);
  expect(croft.seen.at(-1)!.path).toBe(
    "/sites/blog/access-log?environment=staging&status=5xx&path=%2Fa&since=1h&limit=5",
  );
  expect(out).toMatch(/^2026-03-10 \d\d:\d\d:00 {2}200 +12\.3 ms +2 KB {2}192\.0\.2\.0 +GET \/a\n/);
  expect(out).toContain('GET /"\\?q=1  (broken off)\n');
  expect(out).not.toContain("\u001b");
  expect(err).toBe("");
  expect((await croft.run(["access-log", "blog", "--format", "combined"])).out).toBe(
    '192.0.2.0 - - [10/Mar/2026:12:00:00 +0000] "GET /a HTTP/1.1" 200 2048 "-" "-"\n' +
      '192.0.2.0 - - [10/Mar/2026:12:00:00 +0000] "GET /\\x1b[2J\\"\\\\?q=1 HTTP/1.1" 503 2048 "-" "A \\"b\\" \\x0a c"\n',
  );
  const { out: json } = await croft.run(["access-log", "blog", "--format", "json"]);
  expect(
    json
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text)),
  ).toEqual([line(), hostile]);
  expect(JSON.parse((await croft.run(["access-log", "blog", "--json"])).out)).toEqual(
    page([line(), hostile]),
  );
});

test("what is missing is said beside the lines; a wrong format is refused", async () => {
  answers["GET /sites/blog/access-log"] = () => page([line()], { dropped: 3, whole: false });
  const { err } = await croft.run(["access-log", "blog"]);
  expect(err).toContain("3 lines are missing");
  expect(err).toContain("--since");
  expect((await croft.run(["access-log", "blog", "--format", "xml"])).exitCode).toBe(2);
  expect((await croft.run(["access-log", "blog", "-f", "--json"])).exitCode).toBe(2);
});

test("following goes on where the connection broke off", async () => {
  const stop = new AbortController();
  let connections = 0;
  answers["GET /sites/blog/access-log"] = () => {
    if (++connections === 4) stop.abort();
    if (connections === 2) return problem(503, "unavailable", "the daemon starts");
    return eventStream(
      connections === 1
        ? [
            { id: "p.1", event: "request", data: line() },
            { id: "p.1", event: "here", data: {} },
            { id: "p.2", event: "request", data: line({ path: "/b" }) },
            { id: "p.3", event: "dropped", data: { time: "", dropped: 1 } },
          ]
        : [{ id: "p.4", event: "request", data: line({ path: "/c" }) }],
    );
  };
  const { out, err } = await croft.run(["access-log", "blog", "-f", "--format", "combined"], {
    signal: stop.signal,
  });
  expect(out.match(/"GET (\S+)/g)!.slice(0, 3)).toEqual(['"GET /a', '"GET /b', '"GET /c']);
  expect(err).toContain("one line is missing");
  expect(err.match(/the connection was lost/g)).toHaveLength(1);
  expect(croft.seen[0]).toMatchObject({ lastEventId: null, path: "/sites/blog/access-log?limit=10" });
  expect(croft.seen[1]!.lastEventId).toBe("p.3");
  expect(croft.seen[2]!.lastEventId).toBe("p.3");
  answers["GET /sites/blog/access-log"] = () => problem(403, "forbidden", "not for you");
  expect((await croft.run(["access-log", "blog", "-f"])).err).toContain("not for you");
});

test("the top paths, most asked for first, and the others in one line", async () => {
  const path = (requests: number, pattern: string) => ({
    method: pattern && "GET",
    path: pattern,
    requests,
    status: { "2xx": requests - 1, "3xx": 0, "4xx": 1, "5xx": 0 },
    bytesIn: 1,
    bytesOut: 2048,
    responseMs: { avg: 1, p50: 1.234, p95: 234.5, p99: null },
  });
  answers["GET /sites/blog/paths"] = () => ({
    from: "",
    to: "",
    items: [path(9, "/users/:id")],
    other: path(2, ""),
  });
  const { out } = await croft.run("paths blog --from 7d --to 2026-03-10".split(" "));
  expect(croft.seen.at(-1)!.path).toBe("/sites/blog/paths?from=7d&to=2026-03-10");
  expect(out.split("\n").map((row) => row.split(/ {2,}/))).toEqual([
    ["REQUESTS", "4XX", "5XX", "P50 MS", "P95 MS", "OUT", "PATH"],
    ["9", "1", "0", "1.2", "235", "2 KB", "GET /users/:id"],
    ["2", "1", "0", "1.2", "235", "2 KB", "(all others)"],
    [""],
  ]);
  answers["GET /sites/blog/paths"] = () => ({ from: "", to: "", items: [], other: null });
  expect((await croft.run(["paths", "blog"])).out).toBe("Nothing was asked for in that time.\n");
});

test("the setting stands among the site's rules", async () => {
  answers["GET /sites/blog/rules"] = () => edgeRulesView(defaultEdgeRules);
  expect((await croft.run(["site", "rules", "blog"])).out).toMatch(
    /access log +anonymous, 8 MB, 7 days at most\n/,
  );
  answers["PUT /sites/blog/rules"] = () => edgeRulesView({ ...defaultEdgeRules, accessLog: "off" });
  const argv = "site rules blog --access-log full --access-log-size 16m --access-log-days 3".split(" ");
  expect((await croft.run(argv)).out).toMatch(/access log +off\n/);
  expect(croft.seen.at(-1)!.body).toEqual({
    accessLog: "full",
    accessLogBytes: 16_777_216,
    accessLogDays: 3,
  });
});
