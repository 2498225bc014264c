import { afterAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../domain/clock.ts";
import { silentLog } from "../domain/log.ts";
import { dockerHost, eventually, folderOf } from "../testing/docker-fixture.ts";
import { chooseApiVersion, createDockerClient } from "./client.ts";
import { createDockerEngine } from "./docker-engine.ts";
import { runtimeReason } from "./errors.ts";

const folder = folderOf({});
afterAll(() => rmSync(folder, { recursive: true }));

describe("API version", () => {
  test.each([
    ["an old engine gets its own", { ApiVersion: "1.41", MinAPIVersion: "1.12" }, "1.41"],
    ["a newer one ours", { ApiVersion: "1.52", MinAPIVersion: "1.44" }, "1.44"],
    ["one that accepts ours no longer its oldest", { ApiVersion: "1.60", MinAPIVersion: "1.50" }, "1.50"],
    ["one that names no oldest", { ApiVersion: "1.9" }, "1.9"],
  ])("%s", (_, engine, expected) => expect(chooseApiVersion(engine)).toBe(expected));
});

test.each(["", "docker", "ssh://host", "http://host:2375", "tcp://"])(
  "%p is no address of an engine",
  (host) => {
    expect(() => createDockerClient(host)).toThrow(
      "DOCKER_HOST: must be unix:///path/of/docker.sock or tcp://host:port",
    );
  },
);

describe("an engine that is not there", () => {
  test("no socket: engine_unavailable, with what to do", async () => {
    const engine = createDockerEngine({
      dockerHost: `unix://${folder}/none.sock`,
      log: silentLog,
      clock: systemClock,
      hostFirewall: false,
    });
    await expect(engine.listReplicas()).rejects.toMatchObject({
      code: "engine_unavailable",
      message: `Docker does not answer at unix://${folder}/none.sock; start it with: systemctl start docker`,
    });
    await expect(engine.readings()).rejects.toMatchObject({ code: "engine_unavailable" });
    await expect(engine.info()).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  test("one that hangs: engine_unavailable at the deadline", async () => {
    const path = join(folder, "hung.sock");
    const server = Bun.listen({ unix: path, socket: { data() {} } });
    try {
      const client = createDockerClient(`unix://${path}`);
      await expect(client.call("ping", (docker) => docker.ping(), { deadlineMs: 100 })).rejects.toMatchObject(
        {
          code: "engine_unavailable",
        },
      );
      await expect(
        client.open("follow events", (docker) => docker.getEvents(), { deadlineMs: 100 }),
      ).rejects.toMatchObject({ code: "engine_unavailable" });
    } finally {
      server.stop(true);
    }
  });

  test("one that hangs is not waited for by each caller anew, and is used again once it answers", async () => {
    const path = join(folder, "stalled.sock");
    let stalled = true;
    let waiting: (() => void)[] = [];
    const server = Bun.serve({
      unix: path,
      fetch: async (request) => {
        if (stalled) await new Promise<void>((resolve) => waiting.push(resolve));
        return new URL(request.url).pathname === "/version"
          ? Response.json({ ApiVersion: "1.43", MinAPIVersion: "1.24" })
          : new Response("OK");
      },
    });
    try {
      const client = createDockerClient(`unix://${path}`);
      const act = () => client.call("act", async (docker) => String(await docker.ping()));
      await expect(client.call("ping", (docker) => docker.ping(), { deadlineMs: 50 })).rejects.toMatchObject({
        code: "engine_unavailable",
      });
      const refused = await Promise.allSettled([act(), act(), act()]);
      expect(refused.map((one) => one.status === "rejected" && (one.reason as Error).message)).toEqual(
        Array(3).fill("Docker did not finish in 2 s: ping"),
      );
      // The three asked as one.
      expect(waiting.length).toBeLessThanOrEqual(2);
      stalled = false;
      for (const go of waiting.splice(0)) go();
      waiting = [];
      await eventually("it is used again", () =>
        act().then(
          (answer) => answer === "OK",
          () => false,
        ),
      );
    } finally {
      stalled = false;
      for (const go of waiting) go();
      await server.stop(true);
    }
  });

  test("it is found again when it comes back", async () => {
    const path = join(folder, "late.sock");
    const client = createDockerClient(`unix://${path}`);
    const ping = () => client.call("ping", async (docker) => String(await docker.ping()));
    await expect(ping()).rejects.toMatchObject({ code: "engine_unavailable" });
    const server = Bun.serve({
      unix: path,
      fetch: (request) =>
        new URL(request.url).pathname === "/version"
          ? Response.json({ ApiVersion: "1.43", MinAPIVersion: "1.24" })
          : new Response(new URL(request.url).pathname),
    });
    try {
      expect(await ping()).toBe("/v1.43/_ping");
    } finally {
      await server.stop(true);
    }
  });
});

test("an aborted call throws the signal's reason", async () => {
  const controller = new AbortController();
  const client = createDockerClient(dockerHost);
  const following = client.call("wait", () => new Promise<void>(() => {}), { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await expect(following).rejects.toThrow("enough");
});

test("a mistake of ours is not taken for an absent engine", async () => {
  const client = createDockerClient(dockerHost);
  const broken = client.call("ping", async () => {
    throw new TypeError("x is not a function");
  });
  await expect(broken).rejects.toThrow(TypeError);
});

test("a runtime's message keeps the part for people", () => {
  expect(
    runtimeReason(
      'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH: unknown',
    ),
  ).toBe('exec: "nope": executable file not found in $PATH');
});
