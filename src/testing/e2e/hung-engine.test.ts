import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { MB } from "../../domain/size.ts";
import { busyboxImage } from "../docker-fixture.ts";
import { type StallingSocket, stallingSocket } from "../stalling-socket.ts";
import { docker, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { webCommand } from "./own-docker.ts";
import { keepVisiting } from "./visitors.ts";

setDefaultTimeout(120_000);

let gate: StallingSocket;
let croft: TestCroft;
const slug = uniqueSlug("hung");
const host = `${slug}.localhost`;
const sleeper = uniqueSlug("hung-asleep");
const image = `${slug}/busybox:1`;

beforeAll(async () => {
  gate = await stallingSocket("/var/run/docker.sock");
  await docker("tag", await busyboxImage(), image);
  croft = await startCroft({ DOCKER_HOST: `unix://${gate.path}` });
  await croft.createSite(slug, { type: "image", image, port: 8080, startCommand: webCommand("here") });
  await croft.api("PUT", `/sites/${slug}/limits`, { requestsPerMinute: 1_000_000 });
  await croft.createSite(sleeper, { type: "image", image, port: 8080, startCommand: webCommand("awake") });
  for (const [site, text] of [
    [slug, "here"],
    [sleeper, "awake"],
  ])
    await until(
      "the site answers",
      () => croft.visit(`${site}.localhost`).then(({ body }) => body.trim(), String),
      (body) => body === text,
    );
});
afterAll(async () => {
  // Either may be missing when the other could not be started.
  gate?.go();
  await croft?.destroy();
  await gate?.[Symbol.asyncDispose]();
  await docker("rmi", image);
});

/** Far less than the engine's own deadlines, far more than a page takes. */
const soonMs = 8000;
const ready = async (): Promise<number> =>
  (await fetch(`http://127.0.0.1:${croft.panelPort}/readyz`, { signal: AbortSignal.timeout(soonMs) })).status;

const signIn = async (): Promise<string> => {
  const origin = `http://127.0.0.1:${croft.panelPort}`;
  const signedIn = await fetch(`${origin}/sign-in`, {
    method: "POST",
    redirect: "manual",
    body: new URLSearchParams({ username: "ada", password: "correct-horse-battery" }),
    headers: { origin, "sec-fetch-site": "same-origin" },
  });
  return signedIn.headers.getSetCookie()[0]!.split(";", 1)[0]!;
};

/** All of them, one after the other. */
const ask = async (cookie: string): Promise<void> => {
  const origin = `http://127.0.0.1:${croft.panelPort}`;
  for (const path of ["", "/deployments", "/logs", "/usage", "/limits", "/volumes", "/settings"]) {
    const page = await fetch(`${origin}/sites/${slug}${path}`, {
      headers: { cookie },
      signal: AbortSignal.timeout(soonMs),
    });
    expect(page.status, path).toBe(200);
  }
  for (const path of ["/", "/host", "/host/doctor", "/events"])
    expect(
      (await fetch(origin + path, { headers: { cookie }, signal: AbortSignal.timeout(soonMs) })).status,
      path,
    ).toBe(200);
  for (const path of ["/sites", `/sites/${slug}`, `/sites/${slug}/events`, "/host", "/doctor"]) {
    const answer = await fetch(`${origin}/api/v1${path}`, {
      headers: { authorization: `Bearer ${croft.token}` },
      signal: AbortSignal.timeout(soonMs),
    });
    expect(answer.status, path).toBe(200);
  }
};

test("an engine that hangs holds up neither pages, API nor visitors, and is used again once it answers", async () => {
  const cookie = await signIn();
  await croft.api("PATCH", `/sites/${sleeper}`, { healthCheck: { deadlineSeconds: 3 } });
  await until(
    "it sleeps",
    () => croft.api("POST", `/sites/${sleeper}/sleep`, { how: "freeze" }),
    ({ status }) => status === 200,
  );
  const visitors = keepVisiting(croft, host);
  gate.stall();
  // Before anybody has noticed, and after.
  await ask(cookie);
  const put = await fetch(`http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/limits`, {
    method: "PUT",
    headers: { authorization: `Bearer ${croft.token}`, "content-type": "application/json" },
    body: JSON.stringify({ memoryBytes: 77 * MB }),
    signal: AbortSignal.timeout(soonMs),
  });
  expect(put.status).toBe(503);
  expect(await put.text()).toContain("the limits are stored");
  await until("it is noticed", ready, (status) => status === 503);
  await ask(cookie);
  const unwoken = await croft.visit(`${sleeper}.localhost`);
  expect([unwoken.status, unwoken.headers.has("retry-after")]).toEqual([503, true]);
  // What runs would go, and nothing could take its place.
  expect((await croft.api("POST", `/sites/${slug}/restart`)).status).toBe(503);
  const asked = await croft.api<{ id: string }>("POST", `/sites/${slug}/deployments`, {});
  expect(asked.status).toBe(202);
  expect((await visitors.stop()).failures).toEqual([]);

  gate.go();
  await until("it is ready again", ready, (status) => status === 200);
  await until(
    "it can be woken again",
    () => croft.visit(`${sleeper}.localhost`).then(({ body }) => body.trim(), String),
    (body) => body === "awake",
  );
  await until(
    "what waited is deployed",
    () => croft.lastDeployment(slug),
    ({ status }) => status === "success",
    60_000,
  );
  const container = await docker("ps", "-q", "--filter", `label=croft.site=${slug}`);
  expect(await docker("inspect", "--format", "{{.HostConfig.Memory}}", container)).toBe(String(77 * MB));
  const { body } = await croft.api<{ items: { kind: string; endedAt: string | null }[] }>("GET", "/events");
  const lost = body.items.find(({ kind }) => kind === "engine.lost");
  expect(lost?.endedAt).not.toBeNull();
  expect(body.items.map(({ kind }) => kind)).toContain("engine.back");
});
