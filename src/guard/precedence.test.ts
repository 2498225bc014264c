import { expect, test } from "bun:test";
import type { HostFigures } from "../domain/guard.ts";
import { silentLog } from "../domain/log.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import type { GuardDeps } from "./deps.ts";
import { createPrecedence } from "./precedence.ts";
import { createSuspects } from "./suspects.ts";

const world = () => {
  const clock = fakeClock();
  const suspects = createSuspects();
  const yielding = new Set<string>();
  const applied: string[] = [];
  const deps = {
    ...{ clock, isOn: true, cores: 2, log: silentLog },
    sites: async () => ["a", "b"].map((id) => ({ environmentId: id, slug: id, replicaIds: [`rep_${id}`] })),
    letOthersFirst: (ids: ReadonlySet<string>) => {
      const restored = [...yielding].filter((id) => !ids.has(id));
      yielding.clear();
      for (const id of ids) yielding.add(id);
      return restored;
    },
    apply: async (id: string) => void applied.push(id),
  } as unknown as GuardDeps;
  const precedence = createPrecedence(deps, suspects);
  const used = { a: 0, b: 0 };
  /** Seconds in which each uses so many cores. */
  const pass = async (seconds: number, cores: { a: number; b: number }, pids = 5): Promise<void> => {
    for (let n = 0; n < seconds; n++) {
      clock.advance(1000);
      for (const id of ["a", "b"] as const) used[id] += cores[id] * 1e9;
      suspects.note(
        clock.monotonicMs(),
        (["a", "b"] as const).map((id) => ({
          ...{
            replicaId: `rep_${id}`,
            cpuNanos: used[id],
            memoryBytes: 0,
            writtenBytes: null,
            loggedBytes: 0,
            pids,
          },
        })),
      );
      await precedence.look();
    }
  };
  return { precedence, pass, yielding, applied };
};

test("who uses more than all others together lets them go first, until it uses less for a while", async () => {
  const { pass, yielding, applied, precedence } = world();
  await pass(5, { a: 0.5, b: 0.1 });
  expect([...yielding]).toEqual(["rep_a"]);
  await pass(3, { a: 0, b: 0.1 });
  expect(precedence.yielding()).toBe("a");
  await pass(10, { a: 0, b: 0.1 });
  expect([...yielding]).toEqual([]);
  expect(applied).toEqual(["a"]);
});

test("whoever is alone, and whoever is one of many, counts like anybody", async () => {
  const { pass, yielding } = world();
  await pass(5, { a: 0.5, b: 0 });
  expect([...yielding]).toEqual([]);
  await pass(20, { a: 0.3, b: 0.31 });
  expect([...yielding]).toEqual(["rep_b"]);
  // It is held back no further than that.
  await pass(20, { a: 0.6, b: 0.3 });
  expect([...yielding]).toEqual(["rep_a"]);
});

test("a fork bomb is not held up in the middle of the kernel", async () => {
  const { pass, yielding } = world();
  await pass(5, { a: 0.5, b: 0.1 }, 200);
  expect([...yielding]).toEqual([]);
});

test("while there is room for all, nobody is looked at by the second", () => {
  const { precedence } = world();
  const figures = { cpuBusyPercent: 10 } as HostFigures;
  expect(precedence.isNeeded(figures)).toBe(false);
  expect(precedence.isNeeded({ ...figures, cpuBusyPercent: 50 })).toBe(true);
});
