import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildRequest, NetworkRef } from "../domain/engine.ts";
import { systemClock } from "../domain/clock.ts";
import { silentLog } from "../domain/log.ts";
import { MB } from "../domain/size.ts";
import {
  type DockerFixture,
  dockerApi,
  dockerFixture,
  dockerHost,
  eventually,
  folderOf,
} from "../testing/docker-fixture.ts";
import { createDockerEngine } from "./docker-engine.ts";

setDefaultTimeout(60_000);

let fixture: DockerFixture;
let network: NetworkRef;
const folders: string[] = [];
beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
});
afterAll(async () => {
  await fixture.cleanup();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const request = (
  files: Record<string, string>,
  changes: Partial<BuildRequest> = {},
): BuildRequest & { log: string[] } => {
  const contextDir = folderOf(files);
  folders.push(contextDir);
  const log: string[] = [];
  return {
    contextDir,
    dockerfile: { path: "Dockerfile" },
    tag: `croft/${fixture.site}:${crypto.randomUUID()}`,
    owner: fixture.owner,
    limits: { memoryBytes: 64 * MB, cpuMillicores: 500, pids: 32 },
    network,
    onLog: (line) => log.push(line),
    signal: new AbortController().signal,
    log,
    ...changes,
  };
};

/** Printed by a RUN step, rather than part of its echoed instruction. */
const printed = (log: string[]): string[] => log.filter((line) => !/^Step |^ ---> |^Removing /.test(line));

/** Containers that the builder has going on our network. */
const buildContainers = async (): Promise<string[]> => {
  const { Containers } = await dockerApi("GET", `/networks/${network.name}`);
  return Object.keys(Containers ?? {});
};

test("builds an image, streams the log by lines, and labels win over the Dockerfile's", async () => {
  const asked = request({
    Dockerfile: `FROM croft-test/busybox\nLABEL croft.site=other run=${crypto.randomUUID()}\nRUN echo one; echo two >&2\nCOPY . /app\nEXPOSE 9000 53/udp 8080/tcp\n`,
    "a.txt": "a",
  });
  const built = await fixture.engine.build(asked);
  expect(built.imageId).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(built.layers).toBe(2);
  expect(printed(asked.log)).toContain("one");
  expect(printed(asked.log)).toContain("two");
  const facts = (await fixture.engine.inspectImage(asked.tag))!;
  expect(facts).toMatchObject({ ...built, repoTags: [asked.tag], exposedPorts: [8080, 9000], onBuild: [] });
  expect(facts.labels).toMatchObject({ "croft.managed": "true", "croft.site": fixture.site });
  expect(await fixture.engine.inspectImage(built.imageId)).toEqual(facts);
  expect(await fixture.engine.inspectImage(`croft/${fixture.site}:none`)).toBeNull();
});

test("a generated Dockerfile: used, and neither it nor an own one of that name is in the image", async () => {
  const asked = request(
    {
      Dockerfile: "FROM no-such-image",
      ".dockerignore": "secret\n",
      secret: "s",
      "app/x": "x",
      ".croft.Dockerfile": "bad",
    },
    {
      dockerfile: {
        text: `FROM croft-test/busybox\nLABEL run=${crypto.randomUUID()}\nCOPY . /app\nRUN cd /app && find . -type f | sort\n`,
      },
    },
  );
  await fixture.engine.build(asked);
  expect(printed(asked.log).filter((line) => line.startsWith("./"))).toEqual(["./Dockerfile", "./app/x"]);
});

test(".dockerignore: patterns, exceptions, and the Dockerfile even when ignored", async () => {
  const asked = request({
    "docker/Dockerfile": `FROM croft-test/busybox\nLABEL run=${crypto.randomUUID()}\nCOPY . /app\nRUN cd /app && find . -type f | sort\n`,
    ".dockerignore": "# comment\nnode_modules\n**/*.log\ndocker\nvendor\n!vendor/keep\n",
    "node_modules/a/index.js": "",
    "src/debug.log": "",
    "src/index.js": "",
    "vendor/drop": "",
    "vendor/keep": "",
  });
  await fixture.engine.build({ ...asked, dockerfile: { path: "docker/Dockerfile" } });
  expect(printed(asked.log).filter((line) => line.startsWith("./"))).toEqual([
    "./.dockerignore",
    "./src/index.js",
    "./vendor/keep",
  ]);
});

test("ownership takes one step; a Dockerfile whose last line goes on keeps all its words", async () => {
  const run = `FROM croft-test/busybox\nLABEL run=${crypto.randomUUID()}\nCOPY . /app\nRUN cd /app && ls -A | sort`;
  for (const [end, lastStep] of [
    ["", /^Step 6\/6 : LABEL croft/],
    ["\n# the end\n\n", /^Step 6\/6 : LABEL croft/],
    [" \\\n\n# a comment does not end it\n", /^Step 9\/9 : LABEL croft/],
  ] as const) {
    const asked = request({ Dockerfile: run + end });
    await fixture.engine.build(asked);
    expect(printed(asked.log).filter((line) => /^\.?\w/.test(line) && !line.startsWith("Success"))).toEqual([
      "Dockerfile",
    ]);
    expect(asked.log.findLast((line) => line.startsWith("Step "))).toMatch(lastStep);
    const { labels } = (await fixture.engine.inspectImage(asked.tag))!;
    expect(labels).toMatchObject({ "croft.site": fixture.site, "croft.role": "site" });
  }
});

test("files that only their owner may read here can be read by every user in the image", async () => {
  const asked = request({
    Dockerfile: `FROM croft-test/busybox\nLABEL run=${crypto.randomUUID()}\nCOPY . /app\nUSER nobody\nRUN cat /app/a/private && /app/a/script\n`,
    "a/private": "readable\n",
    "a/script": "#!/bin/sh\necho runs\n",
  });
  for (const [path, mode] of [
    ["a", 0o700],
    ["a/private", 0o600],
    ["a/script", 0o700],
  ] as const)
    chmodSync(join(asked.contextDir, path), mode);
  await fixture.engine.build(asked);
  expect(printed(asked.log)).toEqual(expect.arrayContaining(["readable", "runs"]));
});

test("names with newlines, dashes and spaces, and links, arrive as they are; nothing of the host comes with them", async () => {
  const asked = request({
    Dockerfile: `FROM croft-test/busybox\nLABEL run=${crypto.randomUUID()}\nCOPY . /app\nRUN cd /app && ls | wc -l && readlink link && cat -- --help && test ! -e link\n`,
    "--help": "dash\n",
    "-C ..": "x",
    "two\nlines": "x",
    "@list": "x",
    "back\\slash": "x",
  });
  writeFileSync(`${asked.contextDir}-outside`, "host secret");
  symlinkSync(`${asked.contextDir}-outside`, join(asked.contextDir, "link"));
  try {
    await fixture.engine.build(asked);
  } finally {
    rmSync(`${asked.contextDir}-outside`);
  }
  expect(printed(asked.log)).toEqual(expect.arrayContaining(["dash", `${asked.contextDir}-outside`]));
  expect(asked.log.join("\n")).not.toContain("host secret");
});

test.each([
  [
    "a command that fails",
    "FROM croft-test/busybox\nRUN echo nope >&2; exit 7\n",
    /returned a non-zero code: 7/,
  ],
  [
    "a base image that does not exist",
    "FROM croft-test/no-such-image-here\n",
    /croft-test\/no-such-image-here/,
  ],
  ["a mistake in the Dockerfile", "FROM croft-test/busybox\nRUM x\n", /unknown instruction: RUM/],
  ["an empty Dockerfile", "", /empty/],
  ["a file to copy that is not there", "FROM croft-test/busybox\nCOPY nothing /x\n", /nothing/],
])("%s: deploy_failed with the builder's words", async (_, Dockerfile, message) => {
  await expect(fixture.engine.build(request({ Dockerfile }))).rejects.toMatchObject({
    code: "deploy_failed",
    message: expect.stringMatching(message),
  });
  expect(await buildContainers()).toEqual([]);
});

test("a Dockerfile that is not there, or is a link out of the source", async () => {
  await expect(fixture.engine.build(request({ x: "" }))).rejects.toMatchObject({
    code: "deploy_failed",
    message: "there is no file Dockerfile in the source",
  });
  const asked = request({ x: "" });
  symlinkSync("/etc/passwd", join(asked.contextDir, "Dockerfile"));
  await expect(fixture.engine.build(asked)).rejects.toMatchObject({ code: "deploy_failed" });
  expect(asked.log.join("\n")).not.toContain("root");
});

test("a build over its memory is killed, and the message names the limit", async () => {
  const asked = request({ Dockerfile: "FROM croft-test/busybox\nRUN exec tail /dev/zero\n" });
  await expect(fixture.engine.build(asked)).rejects.toMatchObject({
    code: "deploy_failed",
    message: expect.stringMatching(/^the build was killed, most likely by its memory limit of 64 MB: .*137/s),
  });
});

test("a build that fills the disk is ended, and what it wrote is gone", async () => {
  const lines: string[] = [];
  const asked = request({
    Dockerfile: `FROM croft-test/busybox\nRUN echo ${crypto.randomUUID()} && head -c ${150 * MB} /dev/zero > /one\nRUN head -c ${4000 * MB} /dev/zero > /two\n`,
  });
  const build = fixture.engine.build({
    ...asked,
    limits: { memoryBytes: 512 * MB, cpuMillicores: 2000, pids: 32, diskBytes: 500 * MB },
    onLog: (line) => lines.push(line),
  });
  await expect(build).rejects.toThrow("wrote more than 500 MB");
  const layer = lines.map((line) => /^ ---> ([0-9a-f]{12})$/.exec(line)?.[1]).findLast(Boolean)!;
  await eventually(
    "the layer before is gone",
    async () => (await fixture.engine.inspectImage(layer)) === null,
  );
});

test("stages that no image needs are removed later; what an image needs, and other installations' stay", async () => {
  const { engine } = fixture;
  const dockerfile = `FROM croft-test/busybox AS first\nRUN echo ${crypto.randomUUID()} > /stage\nfrom croft-test/busybox\nCOPY --from=first /stage /stage\n`;
  const asked = request({ Dockerfile: dockerfile });
  const { imageId } = await engine.build(asked);
  const layers = asked.log.flatMap((line) => /^ ---> ([0-9a-f]{12})$/.exec(line)?.[1] ?? []);
  // The layer before the second FROM's own.
  const stage = layers[layers.lastIndexOf(layers[0]!) - 1]!;
  expect((await engine.inspectImage(stage))!.repoTags).toEqual([]);
  await engine.pruneBuildCache(network.name, 3600);
  await engine.pruneBuildCache("croft-another", 0);
  expect(await engine.inspectImage(stage)).not.toBeNull();
  await Bun.sleep(2100);
  await engine.pruneBuildCache(network.name, 1);
  expect(await engine.inspectImage(stage)).toBeNull();
  expect((await engine.inspectImage(asked.tag))!.imageId).toBe(imageId);
});

test("CPU, memory and processes of a build are bounded in the kernel", async () => {
  const cat = (path: string) => `cat /sys/fs/cgroup/${path}`;
  const asked = request({
    Dockerfile: [
      "FROM croft-test/busybox",
      `LABEL run=${crypto.randomUUID()}`, // cached steps print nothing
      `RUN echo memory $(${cat("memory/memory.limit_in_bytes")} 2>/dev/null || ${cat("memory.max")})`,
      `RUN echo quota $(${cat("cpu/cpu.cfs_quota_us")} 2>/dev/null || ${cat("cpu.max")})`,
      "RUN for i in $(seq 1 100); do sleep 60 & done; echo $(jobs | wc -l) started",
    ].join("\n"),
  });
  await expect(fixture.engine.build(asked)).rejects.toMatchObject({ code: "deploy_failed" });
  expect(printed(asked.log)).toContain(`memory ${64 * MB}`);
  expect(printed(asked.log).some((line) => /^quota 50000/.test(line))).toBe(true);
  expect(asked.log.some((line) => /can't fork/.test(line))).toBe(true);
  expect(await buildContainers()).toEqual([]);
});

test("what builds use is told while they run", async () => {
  const stop = new AbortController();
  const asked = request(
    {
      Dockerfile: [
        "FROM croft-test/busybox",
        `LABEL run=${crypto.randomUUID()}`,
        "RUN dd if=/dev/zero of=/written bs=1M count=24; while :; do :; done",
      ].join("\n"),
    },
    { signal: stop.signal },
  );
  const before = await fixture.engine.useOfBuilds(true);
  const building = fixture.engine.build(asked).catch(() => {});
  try {
    const burnt = (await eventually("it burns processors", async () => {
      const use = await fixture.engine.useOfBuilds(false);
      return use && use.memoryBytes > 0 && use.cpuNanos > (before?.cpuNanos ?? 0) + 300_000_000 ? use : null;
    }))!;
    expect(burnt.writtenBytes).toBeNull();
    expect((await fixture.engine.useOfBuilds(true))!.writtenBytes).toBeGreaterThan(20 * MB);
  } finally {
    stop.abort();
    await building;
  }
});

test("cancelling ends the build and its container at once", async () => {
  const controller = new AbortController();
  const asked = request(
    { Dockerfile: `FROM croft-test/busybox\nRUN echo working ${crypto.randomUUID()}; sleep 300\n` },
    { signal: controller.signal },
  );
  const building = fixture.engine.build(asked);
  building.catch(() => {});
  await eventually(
    "build container",
    async () => (await buildContainers()).length > 0 && printed(asked.log).length > 0,
  );
  controller.abort(new Error("cancelled by a person"));
  await expect(building).rejects.toThrow("cancelled by a person");
  await eventually("removal of the build container", async () => (await buildContainers()).length === 0);
  expect(await fixture.engine.inspectImage(asked.tag)).toBeNull();
});

test("an already cancelled build does not begin", async () => {
  const asked = request(
    { Dockerfile: "FROM croft-test/busybox" },
    { signal: AbortSignal.abort(new Error("too late")) },
  );
  await expect(fixture.engine.build(asked)).rejects.toThrow("too late");
  expect(asked.log).toEqual([]);
});

test("tags: given, found, removed; the image goes with the last", async () => {
  const { engine, site } = fixture;
  const asked = request({ Dockerfile: `FROM croft-test/busybox\nRUN echo ${crypto.randomUUID()} > /x\n` });
  const { imageId } = await engine.build(asked);
  const second = `croft/${site}:second`;
  await engine.tagImage(imageId, second);
  await engine.removeImage(asked.tag);
  await engine.removeImage(asked.tag);
  expect((await engine.inspectImage(second))!.imageId).toBe(imageId);
  await engine.removeImage(second);
  expect(await engine.inspectImage(imageId)).toBeNull();
});

test("pulling what no registry has: deploy_failed that names it", async () => {
  const signal = AbortSignal.timeout(30_000);
  const allowed = createDockerEngine({
    dockerHost,
    log: silentLog,
    clock: systemClock,
    hostFirewall: false,
    allowRegistries: ["127.0.0.1:9"],
  });
  await expect(allowed.pullImage("127.0.0.1:9/nothing/here:1", () => {}, signal)).rejects.toMatchObject({
    code: "deploy_failed",
    message: expect.stringContaining("127.0.0.1:9/nothing/here:1"),
  });
});

test("the engine is not sent to services of the host's own network, and their answers are not shown", async () => {
  const asked: string[] = [];
  const internal = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      asked.push(new URL(request.url).pathname);
      return new Response("<html>internal</html>", { status: 403 });
    },
  });
  try {
    const reference = `127.0.0.1:${internal.port}/team/app:1`;
    const signal = AbortSignal.timeout(30_000);
    await expect(fixture.engine.pullImage(reference, () => {}, signal)).rejects.toThrow(
      "not a public address",
    );
    expect(asked).toEqual([]);
    const allowed = createDockerEngine({
      dockerHost,
      log: silentLog,
      clock: systemClock,
      hostFirewall: false,
      allowRegistries: [`127.0.0.1:${internal.port}`],
    });
    const refusal = await allowed.pullImage(reference, () => {}, signal).catch(String);
    expect(asked.length).toBeGreaterThan(0);
    expect(refusal).toContain("could not be pulled");
    expect(refusal).not.toContain("<html>");
  } finally {
    await internal.stop(true);
  }
});

test("sites go before builds: for processors, and when memory runs out", async () => {
  const asked = request({
    Dockerfile:
      "FROM croft-test/busybox:latest\nRUN until [ $(cat /proc/self/oom_score_adj) = 700 ]; do sleep 0.1; done\n",
  });
  await fixture.engine.build(asked);
  const weight = ["/sys/fs/cgroup/cpu/croft-build/cpu.shares", "/sys/fs/cgroup/croft-build/cpu.weight"];
  expect(
    weight
      .filter(existsSync)
      .map((path) => readFileSync(path, "utf8").trim() === (path.endsWith("weight") ? "25" : "256")),
  ).toEqual([true]);
});

test("builds leave no cgroup behind", async () => {
  const groups = [
    "/sys/fs/cgroup/pids/croft-build",
    "/sys/fs/cgroup/memory/croft-build",
    "/sys/fs/cgroup/croft-build",
  ];
  const uuid = /^[0-9a-f-]{36}$/;
  const mine = async () => {
    const found: string[] = [];
    for (const group of groups)
      if (existsSync(group))
        for await (const name of new Bun.Glob("*").scan({ cwd: group, onlyFiles: false }))
          if (uuid.test(name)) found.push(name);
    return found;
  };
  const before = new Set(await mine());
  await fixture.engine.build(
    request({ Dockerfile: `FROM croft-test/busybox\nRUN echo ${crypto.randomUUID()}\n` }),
  );
  await eventually("groups of this build gone", async () => {
    const after = await mine();
    return after.every((name) => before.has(name));
  });
});
