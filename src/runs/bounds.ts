import { AppError } from "../errors.ts";

/** Counts what is open, by person, by environment and in all, and what a person begins: each start is a container. */
export const createBounds = (
  most: { perPerson: number; perSite: number; onHost: number; startsPerMinute: number },
  nowMs: () => number,
) => {
  const persons = new Map<string, number>();
  const environments = new Map<string, number>();
  let begun = new Map<string, number>();
  let minute = 0;
  let all = 0;
  const change = (counts: Map<string, number>, key: string, by: number): void => {
    const count = (counts.get(key) ?? 0) + by;
    if (count === 0) counts.delete(key);
    else counts.set(key, count);
  };
  const refuse = (message: string): never => {
    throw new AppError("rate_limited", message, { retryAfterSeconds: 15 });
  };
  return {
    /** @returns gives the place back, once. @throws AppError `rate_limited` */
    enter(personId: string, environmentId: string): () => void {
      if ((persons.get(personId) ?? 0) >= most.perPerson)
        refuse(`you have ${most.perPerson} commands and terminals open already; end one first`);
      if ((environments.get(environmentId) ?? 0) >= most.perSite)
        refuse(`${most.perSite} commands and terminals are open on this site already; end one first`);
      if (all >= most.onHost)
        refuse(`${most.onHost} commands and terminals are open on this server already; try again later`);
      const present = Math.floor(nowMs() / 60_000);
      if (present !== minute) begun = new Map();
      minute = present;
      if ((begun.get(personId) ?? 0) >= most.startsPerMinute)
        refuse(`you began ${most.startsPerMinute} commands within a minute; wait a little`);
      begun.set(personId, (begun.get(personId) ?? 0) + 1);
      all++;
      change(persons, personId, 1);
      change(environments, environmentId, 1);
      let entered = true;
      return () => {
        if (!entered) return;
        entered = false;
        all--;
        change(persons, personId, -1);
        change(environments, environmentId, -1);
      };
    },
  };
};

export type Bounds = ReturnType<typeof createBounds>;
