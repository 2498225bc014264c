import { expect, setDefaultTimeout, test } from "bun:test";
import type { DiskView } from "../../domain/disk.ts";
import { MB } from "../../domain/size.ts";
import { startCroft, uniqueSlug, until } from "./croft.ts";
import { ownDocker, webCommand, webImage } from "./own-docker.ts";

setDefaultTimeout(180_000);

/** Fills layer, volume and log for as long as anything can be written, then answers. */
const fillAll = [
  "mkdir -p /var",
  "for folder in /var /data; do n=0; while dd if=/dev/zero of=$folder/f$n bs=1M count=16 2>/dev/null; do n=$((n+1)); done; done",
  "head -c 30000000 /dev/zero | tr '\\0' x | fold -w 1000",
  "mkdir -p /tmp/www",
  "du -sk /var /data | tr '\\n' ' ' > /tmp/www/index.html",
  "exec httpd -f -p $PORT -h /tmp/www",
].join("; ");

test("where layers and volumes are both held by the kernel, a site never has one byte more than its limit, and runs on", async () => {
  await using docker = await ownDocker("btrfs");
  const croft = await startCroft({ DOCKER_HOST: docker.host });
  try {
    const slug = uniqueSlug("tight");
    const limitBytes = 200 * MB;
    const startCommand = webCommand("empty");
    await croft.createSite(slug, { type: "image", image: webImage, port: 8080, startCommand });
    await croft.api("PUT", `/sites/${slug}/limits`, { diskBytes: limitBytes });
    const added = await croft.api("POST", `/sites/${slug}/volumes`, {
      name: "data",
      mountPath: "/data",
      sizeBytes: 64 * MB,
    });
    expect(added.status, JSON.stringify(added.body)).toBe(201);
    await croft.api("PATCH", `/sites/${slug}`, { startCommand: fillAll });
    await croft.cli(["deploy", slug, "--wait"]);
    const { body: filled } = await until(
      "it has filled all it can",
      () => croft.visit(`${slug}.localhost`),
      ({ body }) => body.includes("/data"),
      60_000,
    );
    const [layerKb, volumeKb] = filled
      .split(/\s+/)
      .filter((word) => /^\d+$/.test(word))
      .map(Number);
    expect(volumeKb! * 1024).toBeLessThanOrEqual(64 * MB);
    // What volume and logs leave of the limit; a quota group counts in blocks of its own.
    expect(layerKb! * 1024).toBeLessThanOrEqual(limitBytes - 64 * MB);
    expect(layerKb! * 1024).toBeGreaterThan(80 * MB);

    const { disk } = (
      await until(
        "it is measured",
        () => croft.api<{ disk: DiskView }>("GET", `/sites/${slug}/limits`),
        ({ body }) => (body.disk.usedBytes ?? 0) > 150 * MB,
        30_000,
      )
    ).body;
    expect(disk).toMatchObject({ enforcement: "hard", layer: "quota" });
    expect(disk.usedBytes!).toBeLessThanOrEqual(limitBytes);
    expect((await croft.site(slug)).status).toBe("running");
  } finally {
    await croft.destroy();
  }
});
