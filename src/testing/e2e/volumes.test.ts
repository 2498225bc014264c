import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { VolumeView } from "../../domain/views.ts";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(180_000);

let croft: TestCroft;
const slug = uniqueSlug("volume");
const host = `${slug}.localhost`;

/** Keeps a counter in a file of the volume; each answer names the release's text and the count. */
const counting = (text: string): Record<string, string> =>
  nodeApp(`
    const fs = require("node:fs");
    const file = "/data/count";
    require("node:http").createServer((q, s) => {
      const n = (fs.existsSync(file) ? Number(fs.readFileSync(file, "utf8")) : 0) + (q.url === "/add" ? 1 : 0);
      fs.writeFileSync(file, String(n));
      s.end("${text} " + n);
    }).listen(process.env.PORT);`);

const volumeOf = async (): Promise<VolumeView> => (await croft.site(slug)).volumes[0]!;
const folderOf = (id: string): string => join(croft.dataDir, "volumes", id);

beforeAll(async () => {
  croft = await startCroft();
  await croft.createSite(slug);
  const added = await croft.cli(["volume", "add", slug, "data", "/data"]);
  expect(added.exitCode, added.stderr).toBe(0);
  const { output } = await croft.push(slug, counting("one"));
  expect(output).toContain("Live:");
});
afterAll(() => croft.destroy());

test("an unprivileged app can write to it, and data outlives deployments and rollbacks", async () => {
  expect((await croft.visit(host, "/add")).body).toBe("one 1");
  await croft.push(slug, counting("two"));
  expect((await croft.visit(host, "/add")).body).toBe("two 2");
  const back = await croft.cli(["rollback", slug, "--wait"]);
  expect(back.exitCode, back.stderr).toBe(0);
  expect((await croft.visit(host)).body).toBe("one 2");
});

test("the engine's volume carries our labels and lies in the data directory", async () => {
  const { id } = await volumeOf();
  const [info] = JSON.parse(await docker("volume", "inspect", `croft-${id}`)) as [
    { Labels: Record<string, string>; Options: { device: string } },
  ];
  expect(info.Labels).toMatchObject({ "croft.managed": "true", "croft.site": slug });
  expect(info.Options.device).toBe(folderOf(id));
});

test("it cannot be removed while the site runs, nor without its name", async () => {
  const running = await croft.api("DELETE", `/sites/${slug}/volumes/data?confirm=data`);
  expect(running.status).toBe(409);
  expect(JSON.stringify(running.body)).toContain("stop the site first");
  expect((await croft.api("DELETE", `/sites/${slug}/volumes/data?confirm=other`)).status).toBe(422);
  await until("its use is known", volumeOf, ({ usedBytes }) => Boolean(usedBytes));
  const unsure = await croft.cli(["volume", "remove", slug, "data"]);
  expect(unsure.exitCode).toBe(2);
  expect(unsure.stderr).toMatch(/the [\d.]+ \w+ in it are lost for good; repeat the name: --confirm data/);
});

test("paths that overlap or belong to the system are refused", async () => {
  for (const [mountPath, status] of [
    ["/data/inner", 409],
    ["/etc", 422],
    ["relative", 422],
    ["/a/../etc", 422],
    ["/tmp", 422],
  ] as const) {
    const { body, status: got } = await croft.api("POST", `/sites/${slug}/volumes`, {
      name: "second",
      mountPath,
    });
    expect([mountPath, got]).toEqual([mountPath, status]);
    expect(JSON.stringify(body)).toContain("mountPath");
  }
});

test("deleting a site keeps its data unless told otherwise", async () => {
  const { id } = await volumeOf();
  await croft.cli(["site", "delete", slug, "--confirm", slug]);
  const nothingLeft = (name: string) =>
    until(
      "containers are gone",
      () => docker("ps", "-aq", "--filter", `label=croft.site=${name}`),
      (left) => left === "",
    );
  await nothingLeft(slug);
  expect(await Bun.file(join(folderOf(id), "count")).text()).toBe("2");

  const second = uniqueSlug("volume");
  await croft.createSite(second);
  await croft.cli(["volume", "add", second, "data", "/data"]);
  await croft.push(second, counting("three"));
  const [volume] = (await croft.site(second)).volumes;
  expect(existsSync(folderOf(volume!.id))).toBe(true);
  await croft.api("DELETE", `/sites/${second}?confirm=${second}&volumes=true`);
  await nothingLeft(second);
  await until(
    "its data is gone",
    async () => existsSync(folderOf(volume!.id)),
    (exists) => !exists,
  );
});
