import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../domain/clock.ts";
import { silentLog } from "../domain/log.ts";
import { MB } from "../domain/size.ts";
import {
  type DockerFixture,
  busyboxTag,
  dockerApi,
  dockerFixture,
  dockerHost,
  eventually,
  folderOf,
} from "../testing/docker-fixture.ts";
import { createDockerEngine } from "./docker-engine.ts";

setDefaultTimeout(60_000);

let fixture: DockerFixture;
let other: DockerFixture;
const folder = folderOf({
  "context/Dockerfile": "FROM croft-test/busybox\nRUN echo x > /x\n",
  "volume/.keep": "",
});
beforeAll(async () => {
  fixture = await dockerFixture();
  other = await dockerFixture();
});
afterAll(async () => {
  await fixture.cleanup();
  await other.cleanup();
  rmSync(folder, { recursive: true });
});

const exists = (path: string) =>
  dockerApi("GET", path).then(
    () => true,
    () => false,
  );

test("a site goes as a whole, its volumes only when told; all else stays", async () => {
  const { engine, site, owner } = fixture;
  const network = await fixture.network();
  const tag = `croft/${site}:one`;
  const { imageId } = await engine.build({
    contextDir: join(folder, "context"),
    dockerfile: { path: "Dockerfile" },
    tag,
    owner,
    limits: { memoryBytes: 64 * MB, cpuMillicores: 1000, pids: 32 },
    network,
    onLog: () => {},
    signal: new AbortController().signal,
  });
  // a ready image, named by us, labelled by nobody
  const ready = `croft/${site}:ready`;
  await engine.tagImage(busyboxTag, ready);
  const volume = { name: `croft-${site}-data`, folder: join(folder, "volume") };
  await engine.ensureVolume(volume, owner);
  await engine.ensureVolume(volume, owner);
  const script = "echo kept > /data/file; sleep 300";
  const volumes = [{ name: volume.name, mountPath: "/data" }];
  const first = await fixture.start(script, network, { imageId, volumes });
  const second = await fixture.start("exit 1", network);
  await eventually("file", () => existsSync(join(volume.folder, "file")));
  expect((await dockerApi("GET", `/volumes/${volume.name}`)).Labels).toMatchObject({ "croft.site": site });

  // things of others: another site's, an image built FROM ours, a foreign container that bears our labels
  const neighbour = await other.start("sleep 300", await other.network());
  await engine.tagImage(imageId, `somebody/${site}:copy`);
  const { Id: foreign } = await dockerApi("POST", "/containers/create", {
    Image: busyboxTag,
    Cmd: ["sleep", "300"],
    Labels: { "croft.managed": "true", "croft.site": site, "croft.replica": first.replicaId },
  });
  try {
    await engine.removeSite(site, { volumes: false });
    await engine.removeSite(site, { volumes: false });
    for (const gone of [first.containerId, second.containerId])
      expect(await exists(`/containers/${gone}/json`)).toBe(false);
    expect(await exists(`/networks/${network.name}`)).toBe(false);
    expect(await exists(`/images/${tag}/json`)).toBe(false);
    expect(await exists(`/images/${ready}/json`)).toBe(false);
    expect(await exists(`/volumes/${volume.name}`)).toBe(true);

    expect((await engine.inspectReplica(neighbour.replicaId))!.running).toBe(true);
    expect(await exists(`/images/${busyboxTag}/json`)).toBe(true);
    expect(await exists(`/images/somebody/${site}:copy/json`)).toBe(true);
    expect(await exists(`/containers/${foreign}/json`)).toBe(true);

    await engine.removeSite(site, { volumes: true });
    expect(await exists(`/volumes/${volume.name}`)).toBe(false);
    expect(readFileSync(join(volume.folder, "file"), "utf8")).toBe("kept\n");
  } finally {
    await dockerApi("DELETE", `/containers/${foreign}?force=1`);
    await dockerApi("DELETE", `/images/somebody/${site}:copy`);
  }
});

test("a volume of another's name or in another folder is refused, a foreign one stays", async () => {
  const { engine, site, owner } = fixture;
  const name = `foreign-${site}`;
  await dockerApi("POST", "/volumes/create", { Name: name });
  try {
    await expect(engine.ensureVolume({ name, folder }, owner)).rejects.toMatchObject({ code: "conflict" });
    await engine.removeVolume(name);
    expect(await exists(`/volumes/${name}`)).toBe(true);
  } finally {
    await dockerApi("DELETE", `/volumes/${name}`);
  }
  const volume = { name: `croft-${site}-moved`, folder: join(folder, "volume") };
  await engine.ensureVolume(volume, owner);
  await expect(engine.ensureVolume({ ...volume, folder }, owner)).rejects.toMatchObject({ code: "conflict" });
  await engine.removeVolume(volume.name);
  await engine.removeVolume(volume.name);
});

test("a second daemon on the same engine sees and removes only what it is told to", async () => {
  const second = createDockerEngine({ dockerHost, log: silentLog, clock: systemClock, hostFirewall: true });
  const mine = await fixture.start("sleep 300", await fixture.network());
  const theirs = await other.start("sleep 300", await other.network());
  const ids = (await second.listReplicas()).map((each) => each.replicaId);
  expect(ids).toContain(mine.replicaId);
  await second.removeSite(other.site, { volumes: true });
  expect(await second.inspectReplica(theirs.replicaId)).toBeNull();
  expect((await fixture.engine.inspectReplica(mine.replicaId))!.running).toBe(true);
});
