import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import type { DeploymentSummary, LogLineView } from "../../domain/views.ts";
import { freePort, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(120_000);

let croft: TestCroft | undefined;
const port = freePort();
let taken: { stop(closeActive?: boolean): unknown } | null = Bun.listen({
  hostname: "127.0.0.1",
  port,
  socket: { data() {} },
});
const release = (): void => {
  taken?.stop(true);
  taken = null;
};
afterAll(async () => {
  release();
  await croft?.destroy();
});

test("while the edge cannot start, pushes end with the reason, and go live by themselves once it can", async () => {
  croft = await startCroft({ CROFT_HTTP: `127.0.0.1:${port}` });
  const there = croft;
  const slug = uniqueSlug("away");
  await there.createSite(slug);
  const pushing = there.push(slug, { "index.html": "first" });
  const logOf = async (id: string): Promise<string[]> =>
    (await there.api<{ items: LogLineView[] }>("GET", `/deployments/${id}/logs`)).body.items
      .map(({ message }) => message)
      .filter((message) => message.includes("not live yet"));
  const listed = async () =>
    (await there.api<{ items: DeploymentSummary[] }>("GET", `/sites/${slug}/deployments`)).body.items;
  // Its log says so long before it is given up.
  const early = await until("it is switched", listed, ([one]) => one !== undefined && one.release === 1);
  await until(
    "its log says so",
    () => logOf(early[0]!.id),
    (lines) => lines.length === 1,
  );
  expect((await there.lastDeployment(slug)).error).toBeNull();

  const { output } = await pushing;
  expect(output).toContain("Not live yet: release 1 is committed but not live yet");
  expect(output).toContain(String(port));
  expect(output).toContain("croft doctor");
  const first = await there.lastDeployment(slug);
  expect(first).toMatchObject({ status: "deploying", release: 1, error: { code: "unavailable" } });

  // What comes after it waits for its turn, and says so.
  const second = await there.cli(["deploy", slug, "--wait"]);
  expect(second.exitCode, second.stderr).toBe(1);
  expect(second.stderr).toContain("waits for the deployment before it: release 1 is committed but not live");
  const waiting = await there.lastDeployment(slug);
  expect(waiting).toMatchObject({ status: "pending", error: { code: "unavailable" } });

  release();
  const list = await until(
    "both are through",
    listed,
    (items) => items.every(({ status }) => status === "success"),
    60_000,
  );
  expect(list.map(({ id, error }) => [id, error])).toEqual([
    [waiting.id, null],
    [first.id, null],
  ]);
  const visit = await fetch(`http://127.0.0.1:${port}/`, { headers: { host: `${slug}.localhost` } });
  expect(await visit.text()).toBe("first");
  expect(await logOf(first.id)).toHaveLength(1);
});
