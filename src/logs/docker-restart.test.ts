import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContainerOutputs } from "../docker/container-outputs.ts";
import { systemClock } from "../domain/clock.ts";
import { silentLog } from "../domain/log.ts";
import { eventually } from "../testing/docker-fixture.ts";
import { ownDocker, webImage } from "../testing/e2e/own-docker.ts";
import { createCollector } from "./collector.ts";
import { openLogStore } from "./log-store.ts";
import { readAll } from "./query.ts";

test("what is stored is what Docker has, over its restarts, kind and unkind", async () => {
  await using own = await ownDocker();
  const dir = await mkdtemp(join(tmpdir(), "croft-docker-restart-"));
  const life = new AbortController();
  const script = "echo start; i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done";
  const id = await own.docker("run", "-d", "--network", "none", webImage, "sh", "-c", script);
  const store = openLogStore({ dir, keep: async () => ({ maxBytes: 1e8, days: 14 }), log: silentLog });
  const collector = createCollector({
    store,
    outputs: createContainerOutputs(own.host),
    sources: async () => [
      {
        replicaId: "rep_1",
        containerId: id,
        environmentId: "env_1",
        release: 1,
        process: "web",
        secretsOf: "",
      },
    ],
    sourceOf: async () => null,
    secrets: async () => [],
    clock: systemClock,
    log: silentLog,
  });
  const running = collector.start(life.signal);
  const stored = async (): Promise<string[]> =>
    (await Array.fromAsync(readAll(store, "env_1", {}))).flatMap((line) => line?.text ?? []);
  const starts = async (count: number) =>
    eventually(`start ${count} and lines of it`, async () => {
      const texts = await stored();
      return texts.filter((text) => text === "start").length === count && texts.at(-1) !== "start";
    });
  try {
    await starts(1);
    for (const [n, signal] of (["SIGTERM", "SIGKILL"] as const).entries()) {
      await own.end(signal);
      await own.start();
      await own.docker("restart", "-t", "0", id);
      await starts(n + 2);
    }
    await own.docker("kill", id);
    const printed = (await own.docker("logs", id)).split("\n");
    await eventually("the last line", async () => (await stored()).length === printed.length);
    expect(await stored()).toEqual(printed);
  } finally {
    life.abort();
    await running;
    await rm(dir, { recursive: true, force: true });
  }
}, 120_000);
