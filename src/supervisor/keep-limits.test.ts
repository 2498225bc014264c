import { expect, test } from "bun:test";
import type { EventRecord } from "../domain/event.ts";
import type { ContainerLimits } from "../domain/engine.ts";
import type { AppliedLimits } from "../domain/limits.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import { silentLog } from "../domain/log.ts";
import { AppError, notFound } from "../errors.ts";
import type { SupervisorDeps } from "./deps.ts";
import { createLimitKeeper } from "./keep-limits.ts";

const asked = { memoryBytes: 64 * 1024 ** 2, cpuMillicores: 500, pids: 64 };
const kernel = (limits: ContainerLimits, readAtMs: number): AppliedLimits => ({
  ...limits,
  memorySwapBytes: limits.memoryBytes,
  readAtMs,
});

/** One environment with one running replica; the engine's kernel is a variable, since drift is made by hand here. */
const installation = (
  recorded: AppliedLimits | null,
  held: ContainerLimits,
  nowMs: number,
  burst = false,
) => {
  let present = held;
  const environment = {
    id: "env_1",
    slug: "site",
    ...asked,
    appliedLimits: recorded && JSON.stringify(recorded),
  };
  const written: AppliedLimits[] = [];
  const events: EventRecord[] = [];
  const deps = {
    log: silentLog,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    store: {
      liveEnvironments: async () => [environment],
      environmentById: async () => environment,
      liveReplicasOf: async () => [{ id: "rep_1", environmentId: "env_1", process: "web", state: "running" }],
      guardActsOf: async () => [],
      cpuBurstOf: async () => (burst ? { environmentId: "env_1", since: 0 } : undefined),
      insertEvent: async (event: EventRecord) => void events.push(event),
      updateEnvironment: async (_: string, patch: Partial<EnvironmentRecord>) => {
        written.push(JSON.parse(patch.appliedLimits!) as AppliedLimits);
      },
    },
    engine: {
      appliedLimits: async () => kernel(present, nowMs),
      updateLimits: async (_: string, limits: ContainerLimits) => {
        present = limits;
      },
    },
  } as unknown as SupervisorDeps;
  return { deps, written, events, environment, present: () => present };
};

test("limits that are as recorded a minute ago are not written again", async () => {
  const { deps, written } = installation(kernel(asked, 0), asked, 60_000);
  await createLimitKeeper(deps).keepAll();
  expect(written).toEqual([]);
});

test("limits never recorded, or recorded long ago, are written", async () => {
  for (const recorded of [null, kernel(asked, 0)]) {
    const { deps, written } = installation(recorded, asked, 600_000);
    await createLimitKeeper(deps).keepAll();
    expect(written).toEqual([kernel(asked, 600_000)]);
  }
});

test("drift is told once as an event, with what was held and what is asked, and not when it is what was asked for", async () => {
  const { deps, events } = installation(kernel(asked, 0), { ...asked, pids: 9, cpuMillicores: 2000 }, 1000);
  const keeper = createLimitKeeper(deps);
  await keeper.apply("env_1");
  expect(events).toEqual([]);
  await deps.engine.updateLimits("rep_1", { ...asked, pids: 9, cpuMillicores: 2000 });
  await keeper.keepAll();
  expect(events).toMatchObject([
    {
      kind: "limits.drift",
      environmentId: "env_1",
      message:
        "The kernel held it to other limits than asked: CPU 2 cores in place of 0.5 cores, 9 processes in place of 64. They are put right.",
    },
  ]);
  await keeper.keepAll();
  expect(events).toHaveLength(1);
});

test("a site that may burst gets a higher quota, at a share that goes by its limit", async () => {
  const { deps, present, environment } = installation(null, asked, 1000, true);
  Object.assign(environment, { cpuMillicores: 100 });
  await createLimitKeeper(deps).keepAll();
  expect(present()).toMatchObject({ cpuMillicores: 400, weightMillicores: 100 });
});

test("drift is recorded, put right, and what the kernel then holds is the last word", async () => {
  const { deps, written, present } = installation(kernel(asked, 0), { ...asked, pids: 9 }, 1000);
  await createLimitKeeper(deps).keepAll();
  expect(present()).toEqual(asked);
  expect(written.map((limits) => limits.pids)).toEqual([9, 64]);
});

test("a replica that ends while its limits are changed is no failure; one that goes on is", async () => {
  const { deps, environment } = installation(kernel(asked, 0), asked, 1000);
  Object.assign(environment, { pids: 99 });
  const { appliedLimits } = deps.engine;
  deps.engine.updateLimits = async () => {
    deps.engine.appliedLimits = async () => null;
    throw notFound("the replica's container");
  };
  await createLimitKeeper(deps).apply("env_1");
  deps.engine.appliedLimits = appliedLimits;
  deps.engine.updateLimits = async () => {
    throw new AppError("conflict", "the memory limit cannot be lowered");
  };
  await expect(createLimitKeeper(deps).apply("env_1")).rejects.toMatchObject({ code: "conflict" });
});

test("limits that are changed while all are looked through stay changed", async () => {
  const wanted = { ...asked, pids: 99 };
  const { deps, present, environment } = installation(kernel(asked, 0), asked, 1000);
  const keeper = createLimitKeeper(deps);
  const looking = keeper.keepAll();
  Object.assign(environment, wanted);
  await Promise.all([looking, keeper.apply("env_1")]);
  expect(present()).toEqual(wanted);
  await keeper.keepAll();
  expect(present()).toEqual(wanted);
});
