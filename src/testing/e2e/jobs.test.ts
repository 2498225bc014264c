import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { RunView } from "../../domain/run.ts";
import { eventually } from "../docker-fixture.ts";
import { terminalClient } from "../terminal-client.ts";
import { docker, until } from "./croft.ts";
import { bearer, runFixture, type RunFixture } from "./run-fixture.ts";

// Scheduled jobs on a real daemon and app: hostile words, overlaps, a daemon that is killed, a site that goes.

setDefaultTimeout(120_000);

let fixture: RunFixture;
beforeAll(async () => {
  fixture = await runFixture();
});
afterAll(() => fixture?.croft.destroy());

const panelUrl = (): string => fixture.terminalUrl(fixture.croft.panelPort);

test("a job's hostile words reach nothing but its container, and what it prints is kept masked", async () => {
  const { croft, owner, slug, addJob, untilRun } = fixture;
  const file = join(croft.dataDir, "canary");
  const hostile = `echo one; echo $TOKEN\n touch ${file} & $(touch ${file}) ; \`touch ${file}\`; exit 2`;
  await addJob({ name: "hostile", command: hostile });
  await owner.api("POST", `/sites/${slug}/jobs/hostile/run`);
  const [run] = await untilRun("hostile", ({ status }) => status === "failed");
  expect(run!.output).toContain("one\n********\n");
  expect(run!.exitCode).toBe(2);
  expect(await Bun.file(file).exists()).toBe(false);
  const events = await owner.api<{ items: { kind: string; message: string }[] }>(
    "GET",
    `/sites/${slug}/events`,
  );
  expect(events.body.items).toContainEqual(
    expect.objectContaining({
      kind: "job.failed",
      message: "The job hostile failed: it ended with exit code 2.",
    }),
  );
  for (const schedule of [
    "* * * * *\n* * * * *",
    "0 0 30 2 *",
    "61 * * * *",
    "* * * * * *",
    "$(id) * * * *",
    "",
  ]) {
    const refused = await owner.api("POST", `/sites/${slug}/jobs`, { name: "x", schedule, command: "id" });
    expect([schedule, refused.status]).toEqual([schedule, 422]);
  }
});

test("a job that runs while its time comes again: skipped, queued, replaced or beside", async () => {
  const { owner, slug, addJob, jobRuns, untilRun, noHelpers } = fixture;
  const sleeps = { command: ["sleep", "600"] };
  for (const overlap of ["skip", "queue", "replace"]) await addJob({ name: overlap, overlap, ...sleeps });
  const runJob = (name: string) => owner.api<RunView>("POST", `/sites/${slug}/jobs/${name}/run`);
  const statuses = async (name: string) => (await jobRuns(name)).map(({ status }) => status);

  await runJob("skip");
  await untilRun("skip", ({ status }) => status === "running");
  expect((await runJob("skip")).body).toMatchObject({
    status: "skipped",
    reason: "the run before was still under way",
  });
  await runJob("queue");
  await untilRun("queue", ({ status }) => status === "running");
  expect((await runJob("queue")).body.status).toBe("queued");
  expect((await runJob("queue")).body).toMatchObject({ status: "skipped" });
  // Two of one site at once: a third job waits for room.
  await runJob("replace");
  expect(await statuses("replace")).toEqual(["queued"]);
  await owner.api("POST", `/sites/${slug}/jobs/skip/stop`);
  await untilRun("replace", ({ status }) => status === "running");
  await runJob("replace");
  await until(
    "the old one made room",
    () => statuses("replace"),
    (all) => all.join() === "running,cancelled",
  );
  await owner.api("DELETE", `/sites/${slug}/jobs/replace`);
  expect((await owner.api("GET", `/sites/${slug}/jobs/replace`)).status).toBe(404);
  await owner.api("POST", `/sites/${slug}/jobs/queue/stop`);
  await until(
    "all ended",
    () => statuses("queue"),
    (all) => all.every((one) => !["queued", "running"].includes(one)),
  );
  await noHelpers();
});

test("jobs outlive a daemon that is killed and are taken up, terminals end; what was missed says so", async () => {
  const { croft, owner, slug, exec, addJob, jobRuns, untilRun, helpers, noHelpers } = fixture;
  await addJob({
    name: "long",
    command: "echo begun; until test -f /data/go; do sleep 0.2; done; echo over",
  });
  await addJob({
    name: "short",
    command: "echo quick; until test -f /data/quick; do sleep 0.2; done; exit 3",
  });
  for (const name of ["long", "short"]) {
    await owner.api("POST", `/sites/${slug}/jobs/${name}/run`);
    await untilRun(name, ({ status, output }) => status === "running" && output !== null && output !== "");
  }
  const client = terminalClient(panelUrl(), bearer(owner.token));
  await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
  const inside = terminalClient(panelUrl(), bearer(owner.token), {
    command: ["sleep", "601"],
    inReplica: true,
  });
  await eventually("it runs", () => inside.said().some(({ type }) => type === "started"));
  await croft.kill("SIGKILL");
  const short = (await helpers()).length;
  expect(short).toBe(3);
  // One ends while nobody looks.
  {
    using db = fixture.database();
    const { id } = db.query("SELECT id FROM volumes").get() as { id: string };
    await Bun.write(join(croft.dataDir, "volumes", id, "quick"), "");
    const run = db
      .query("SELECT id FROM runs WHERE job_id IN (SELECT id FROM jobs WHERE name = 'short')")
      .get();
    await until(
      "it has ended",
      () => docker("inspect", "-f", "{{.State.Status}}", `croft-${(run as { id: string }).id}`),
      (state) => state === "exited",
    );
    // A time of each went by while nobody was there.
    db.run("UPDATE jobs SET next_run_at = ? WHERE name IN ('hostile', 'long')", [Date.now() - 600_000]);
    db.run("UPDATE jobs SET missed = 'run' WHERE name = 'hostile'");
  }
  await croft.start();
  const [ended] = await untilRun("short", ({ status }) => status === "failed");
  expect(ended).toMatchObject({ exitCode: 3, output: "quick\n" });
  const [missed] = await untilRun("long", ({ status }) => status === "skipped");
  expect(missed!.reason).toContain("Croft was not running at its time");
  await untilRun("hostile", ({ status, askedBy }) => status === "failed" && askedBy === "schedule");
  const runs = (await owner.api<{ items: RunView[] }>("GET", `/sites/${slug}/runs?limit=2`)).body.items;
  expect(runs.map(({ status, reason }) => [status, reason])).toEqual([
    ["lost", "Croft itself ended while it was open"],
    ["lost", "Croft itself ended while it was open"],
  ]);
  const replica = await docker(
    "ps",
    "-q",
    "--filter",
    `label=croft.site=${slug}`,
    "--filter",
    "label=croft.role=site",
  );
  expect(await docker("top", replica)).not.toContain("sleep 601");
  expect(await helpers()).toHaveLength(1);
  expect((await exec({ command: "touch /data/go" })).lines.at(-1)).toMatchObject({ exitCode: 0 });
  await until(
    "the long one ended",
    () => jobRuns("long"),
    (all) => all.some(({ status, output }) => status === "succeeded" && output === "begun\nover\n"),
  );
  await noHelpers();
});

test("jobs run beside a site that sleeps, frozen or stopped, and do not wake it", async () => {
  const { croft, owner, slug, addJob, untilRun, noHelpers } = fixture;
  await addJob({ name: "nightly", command: "echo it is night" });
  for (const [how, state] of [
    ["freeze", "frozen"],
    ["stop", "stopped"],
  ] as const) {
    await until(
      `it can be put to sleep (${how})`,
      () => owner.api("POST", `/sites/${slug}/sleep`, { how }),
      ({ status }) => status === 200,
    );
    const { body } = await owner.api<RunView>("POST", `/sites/${slug}/jobs/nightly/run`);
    await untilRun("nightly", ({ id, status }) => id === body.id && status === "succeeded");
    expect((await croft.site(slug)).sleep.state, how).toBe(state);
  }
  expect((await croft.visit(`${slug}.localhost`)).body).toBe("up");
  await noHelpers();
});

test("a stop of the daemon ends terminals and leaves jobs; a deleted site leaves nothing", async () => {
  const { croft, owner, slug, addJob, untilRun, helpers } = fixture;
  await addJob({ name: "last", command: ["sleep", "600"] });
  await owner.api("POST", `/sites/${slug}/jobs/last/run`);
  await untilRun("last", ({ status }) => status === "running");
  const client = terminalClient(panelUrl(), bearer(owner.token));
  await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
  expect(await croft.kill("SIGTERM")).toBe(0);
  await client.closed;
  expect(client.said().at(-1)).toMatchObject({ type: "exit", reason: "Croft is being stopped" });
  expect(await helpers()).toHaveLength(1);
  await croft.start();
  await untilRun("last", ({ status }) => status === "running");
  const open = terminalClient(panelUrl(), bearer(owner.token));
  await eventually("it runs", () => open.said().some(({ type }) => type === "started"));
  await owner.api("DELETE", `/sites/${slug}?confirm=${slug}&volumes=true`);
  expect(await open.closed).toMatchObject({ code: 4000, reason: "the site was deleted" });
  await until(
    "nothing is left of it",
    () => docker("ps", "-aq", "--filter", `label=croft.site=${slug}`),
    (ids) => ids === "",
    60_000,
  );
});
