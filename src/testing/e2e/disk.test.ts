import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { mountAt, mounts } from "../../disk/mounts.ts";
import type { EventKind, EventView } from "../../domain/event.ts";
import { MB } from "../../domain/size.ts";
import { unmountBelow } from "../unmount-below.ts";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(180_000);

/** Trials of the run against the limit. */
const trials = process.env.CROFT_SOAK ? 20 : 2;

/** Writes one file after the other at full speed, so that no limit of a single file ends it. */
const filler = nodeApp(`
  const { spawn } = require("node:child_process");
  const fs = require("node:fs");
  const acts = {
    "/": (say) => say("up"),
    "/fill": (say) => {
      spawn("sh", ["-c", "n=0; while :; do n=$((n+1)); dd if=/dev/zero of=/data/f$n bs=1M count=32 || exit; done"]);
      say("ok");
    },
    "/full": (say) => {
      const script = "echo kept > /data/kept; n=0; while dd if=/dev/zero of=/data/f$n bs=1M count=32; do n=$((n+1)); done";
      let words = "";
      spawn("sh", ["-c", script]).on("close", () => say(words)).stderr.on("data", (more) => words += more);
    },
    "/kept": (say) => say(fs.readFileSync("/data/kept", "utf8").trim()),
    "/clean": (say) => {
      for (const name of fs.readdirSync("/data")) if (name.startsWith("f")) fs.unlinkSync("/data/" + name);
      say("ok");
    },
    "/root": (say) => {
      const tried = ["/var/tmp/x", "/tmp/x", "/data/x"].map((file) => {
        try { fs.writeFileSync(file, "x"); return "yes"; } catch (error) { return error.code; }
      });
      say(tried.join(" "));
    },
  };
  require("node:http").createServer((q, s) => acts[q.url]((text) => s.end(text))).listen(process.env.PORT);`);

const bytesIn = (folder: string): number =>
  readdirSync(folder).reduce((sum, name) => {
    const facts = statSync(join(folder, name), { throwIfNoEntry: false });
    return sum + (facts ? facts.blocks * 512 : 0);
  }, 0);

const openEvent = (croft: TestCroft, slug: string, kind: EventKind): Promise<EventView> =>
  until(
    `${kind} is told`,
    async () =>
      (await croft.api<{ items: EventView[] }>("GET", `/sites/${slug}/events`)).body.items.find(
        (event) => event.kind === kind && event.endedAt === null,
      ),
    (event) => event !== undefined,
    60_000,
  ) as Promise<EventView>;

const limit = async (croft: TestCroft, slug: string, diskBytes: number): Promise<void> => {
  const { status, body } = await croft.api("PUT", `/sites/${slug}/limits`, { diskBytes });
  expect(status, JSON.stringify(body)).toBe(200);
};

describe("measured, and no regular count in the next hour", () => {
  let croft: TestCroft;
  const slug = uniqueSlug("filler");
  const host = `${slug}.localhost`;
  const limitBytes = 300 * MB;
  beforeAll(async () => {
    croft = await startCroft({ CROFT_VOLUME_KIND: "folder", CROFT_DISK_SECONDS: "3600" });
    await croft.createSite(slug);
    await croft.cli(["volume", "add", slug, "data", "/data"]);
    const { output } = await croft.push(slug, filler);
    expect(output).toContain("Live:");
  });
  afterAll(() => croft.destroy());

  test("a site that writes at full speed gets past its limit by no more than it writes in the times that are told", async () => {
    const { id } = (await croft.site(slug)).volumes[0]!;
    const folder = join(croft.dataDir, "volumes", id);
    for (let trial = 0; trial < trials; trial++) {
      await limit(croft, slug, limitBytes);
      let bytesPerMs = 0;
      let [lastBytes, lastMs] = [bytesIn(folder), performance.now()];
      expect((await croft.visit(host, "/fill")).body).toBe("ok");
      await until(
        "it is stopped",
        async () => {
          const [bytes, nowMs] = [bytesIn(folder), performance.now()];
          if (nowMs - lastMs > 50) {
            bytesPerMs = Math.max(bytesPerMs, (bytes - lastBytes) / (nowMs - lastMs));
            [lastBytes, lastMs] = [bytes, nowMs];
          }
          return (await croft.site(slug)).status;
        },
        (status) => status === "stopped",
        60_000,
        20,
      );
      const { details, message } = await openEvent(croft, slug, "disk.full");
      expect(message).toContain("may have 300 MB");
      const { lookMs, countMs, endMs } = details as Record<string, number>;
      const overBytes = bytesIn(folder) - limitBytes;
      console.log(
        `${Math.round(overBytes / MB)} MB over at ${Math.round((bytesPerMs * 1000) / MB)} MB/s; look ${lookMs} ms, count ${countMs} ms, end ${endMs} ms`,
      );
      expect(overBytes).toBeGreaterThan(0);
      // Its speed is measured in steps, so that a burst between them can have been faster.
      expect(overBytes).toBeLessThan(bytesPerMs * (lookMs! + countMs! + endMs!) * 1.5 + 64 * MB);

      const refused = await until(
        "deploys are refused",
        () => croft.api("POST", `/sites/${slug}/deployments`, {}),
        ({ status }) => status === 409,
      );
      expect(JSON.stringify(refused.body)).toContain("over its disk limit");
      expect((await croft.visit(host)).body).toContain("more disk space than it may");

      await limit(croft, slug, limitBytes * 40);
      await until(
        "it starts again, since its limit was raised",
        () => croft.visit(host, "/clean"),
        ({ status }) => status === 200,
        60_000,
      );
    }
  });

  test("a command in a container of its own is held to it, too", async () => {
    await limit(croft, slug, limitBytes);
    const endless =
      "n=0; while :; do n=$((n+1)); dd if=/dev/zero of=/var/tmp/f$n bs=1M count=32 || exit; done";
    const ended = await croft.cli(["exec", slug, "--no-tty", "--", "sh", "-c", endless]);
    expect(ended.exitCode).not.toBe(0);
    expect((await openEvent(croft, slug, "disk.full")).message).toContain("may have 300 MB");
    await until(
      "nothing of it is left",
      () => docker("ps", "-aq", "--filter", `label=croft.site=${slug}`),
      (ids) => ids === "",
      60_000,
    );
    // It is stopped, which must not give its commands more.
    const again = await croft.cli(["exec", slug, "--no-tty", "--", "sh", "-c", endless]);
    expect(again.exitCode).not.toBe(0);
    await until(
      "nothing is left of that either",
      () =>
        docker("ps", "-aq", "--filter", `label=croft.site=${slug}`, "--filter", "label=croft.role=helper"),
      (ids) => ids === "",
      60_000,
    );
    await limit(croft, slug, limitBytes * 40);
    await until(
      "it starts again",
      () => croft.visit(host),
      ({ body }) => body === "up",
      60_000,
    );
  });

  test("with a read-only root the app writes to volumes and /tmp alone", async () => {
    expect((await croft.visit(host, "/root")).body).toBe("yes yes yes");
    const changed = await croft.cli(["site", "change", slug, "--read-only-root", "on"]);
    expect(changed.exitCode, changed.stderr).toBe(0);
    await croft.cli(["site", "restart", slug]);
    await until(
      "the new container answers",
      () => croft.visit(host, "/root"),
      ({ body }) => body === "EROFS yes yes",
      60_000,
    );
  });
});

describe("a volume that is a file system of its own", () => {
  let croft: TestCroft;
  const slug = uniqueSlug("hard");
  const host = `${slug}.localhost`;
  beforeAll(async () => {
    croft = await startCroft();
    await croft.createSite(slug);
    const added = await croft.cli(["volume", "add", slug, "data", "/data", "--size", "320m"]);
    expect(added.stdout + added.stderr).toContain("of 320 MB");
    await croft.push(slug, filler);
  });
  afterAll(() => croft.destroy());

  test("takes not one byte more than its size; the app runs on, grows it while it runs, and writes on", async () => {
    expect((await croft.visit(host, "/full")).body).toContain("No space left on device");
    const { id } = (await croft.site(slug)).volumes[0]!;
    expect(bytesIn(join(croft.dataDir, "volumes", id))).toBeLessThanOrEqual(320 * MB);
    expect((await openEvent(croft, slug, "disk.full")).message).toContain("Volume data:");
    expect((await openEvent(croft, slug, "disk.near_full")).severity).toBe("warning");
    expect((await croft.site(slug)).status).toBe("running");
    expect((await croft.visit(host, "/kept")).body).toBe("kept");

    const shrunk = await croft.cli(["volume", "resize", slug, "data", "100m"]);
    expect(shrunk.exitCode).toBe(1);
    expect(shrunk.stderr).toContain("cannot shrink");
    const tooLarge = await croft.cli(["volume", "resize", slug, "data", "20g"]);
    expect(tooLarge.stderr).toContain("disk limit of 1 GB leaves");
    const resized = await croft.cli(["volume", "resize", slug, "data", "640m"]);
    expect(resized.stdout).toBe("Volume data has 640 MB\n");
    expect((await croft.visit(host, "/full")).body).toContain("No space left on device");
    expect(bytesIn(join(croft.dataDir, "volumes", id))).toBeGreaterThan(400 * MB);
    await croft.visit(host, "/clean");
  });

  test("is there again before the app is, when the machine starts anew", async () => {
    await croft.kill("SIGKILL");
    for (const container of (await docker("ps", "-q", "--filter", `label=croft.site=${slug}`)).split("\n"))
      await docker("kill", container);
    const { id } = (await mounts()).flatMap(({ folder }) => {
      const match = new RegExp(`^${croft.dataDir}/volumes/(?<id>[^/]+)$`).exec(folder);
      return match ? [{ id: match.groups!.id! }] : [];
    })[0]!;
    await until(
      "nothing holds the volume",
      () =>
        mountAt(join(croft.dataDir, "volumes", id)).then(async (at) => {
          await unmountBelow(croft.dataDir);
          return at;
        }),
      (at) => at === null,
    );
    await croft.start();
    const { body } = await until(
      "the site is back",
      () => croft.visit(host, "/kept"),
      ({ status }) => status === 200,
      60_000,
    );
    expect(body).toBe("kept");
    expect((await mountAt(join(croft.dataDir, "volumes", id)))?.type).toBe("xfs");
  });

  test("comes back with a backup, as a file system of its own; what was there before is put aside whole", async () => {
    const { id } = (await croft.site(slug)).volumes[0]!;
    expect((await croft.cli(["backup", "create"])).exitCode).toBe(0);
    expect((await croft.visit(host, "/full")).body).toContain("No space left on device");
    await croft.kill("SIGTERM");
    const restored = await croft.cli(["backup", "restore"]);
    expect(restored.exitCode, restored.stderr).toBe(0);
    await croft.start();
    const { body } = await until(
      "the site is back",
      () => croft.visit(host, "/kept"),
      ({ status }) => status === 200,
      60_000,
    );
    expect(body).toBe("kept");
    const folder = join(croft.dataDir, "volumes", id);
    expect((await mountAt(folder))?.type).toBe("xfs");
    expect(bytesIn(folder)).toBeLessThan(MB);
    expect((await mounts()).filter((mount) => mount.folder.includes("before-restore"))).toEqual([]);
    const [aside] = readdirSync(croft.dataDir).filter((name) => name.startsWith("before-restore-"));
    expect(statSync(join(croft.dataDir, aside!, "volume-images", `${id}.img`)).blocks * 512).toBeGreaterThan(
      300 * MB,
    );
  });

  test("an app whose volume is gone does not run on an empty folder, and why is told; removed it leaves nothing", async () => {
    const { id } = (await croft.site(slug)).volumes[0]!;
    const image = join(croft.dataDir, "volume-images", `${id}.img`);
    await croft.cli(["site", "stop", slug]);
    await until(
      "its container is gone",
      () => docker("ps", "-aq", "--filter", `label=croft.site=${slug}`),
      (ids) => ids === "",
    );
    await unmountBelow(join(croft.dataDir, "volumes"));
    await rename(image, `${image}.away`);
    await croft.cli(["site", "start", slug]);
    expect((await openEvent(croft, slug, "volume.failed")).message).toContain("volume data cannot be used");
    expect(await docker("ps", "-aq", "--filter", `label=croft.site=${slug}`)).toBe("");
    await rename(`${image}.away`, image);
    await croft.cli(["site", "stop", slug]);
    const removed = await croft.cli(["volume", "remove", slug, "data", "--confirm", "data"]);
    expect(removed.exitCode, removed.stderr).toBe(0);
    expect(existsSync(image)).toBe(false);
    expect(existsSync(join(croft.dataDir, "volumes", id))).toBe(false);
  });
});
