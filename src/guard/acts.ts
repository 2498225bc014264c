import type { EventKind, EventRecord, EventSeverity } from "../domain/event.ts";
import type { GuardActKind, GuardActRecord, PressureKind } from "../domain/guard.ts";
import { newId } from "../domain/id.ts";
import type { GuardDeps, GuardSite } from "./deps.ts";
import type { Pressure } from "./pressure.ts";
import type { Suspect } from "./suspects.ts";

const eventOf: Record<GuardActKind, { kind: EventKind; severity: EventSeverity }> = {
  builds: { kind: "guard.builds_paused", severity: "warning" },
  sleep: { kind: "guard.site_slept", severity: "info" },
  throttle: { kind: "guard.site_throttled", severity: "warning" },
  pause: { kind: "guard.site_paused", severity: "critical" },
};

/** What a throttled site keeps: a fifth of its own, and never so little that it cannot even answer. */
const throttledTo = (cpuMillicores: number): number =>
  Math.min(cpuMillicores, Math.max(50, Math.round(cpuMillicores / 5)));

const does: Record<PressureKind, string> = {
  cpu: "this site keeps them busiest",
  memory: "this site takes most of it",
  disk: "this site writes most",
  io: "this site writes most",
};

const applyMs = 2000;

export interface Acts {
  /** In force, oldest first. */
  readonly all: readonly GuardActRecord[];
  pauseBuilds(pressure: Pressure): Promise<void>;
  noteSlept(pressure: Pressure, environmentIds: readonly string[]): Promise<void>;
  throttle(pressure: Pressure, site: GuardSite, suspect: Suspect): Promise<void>;
  pause(pressure: Pressure, site: GuardSite, suspect: Suspect): Promise<void>;
  undo(act: GuardActRecord): Promise<void>;
  /** Reads what an earlier daemon left in force; `hold` sees to it that it is. */
  recover(): Promise<void>;
  /** Once more: what has started since must not escape. */
  hold(): Promise<void>;
}

/** Does and undoes; a row tells of each act before it is done, so that a crash leaves nothing that nobody undoes. */
export const createActs = (deps: GuardDeps): Acts => {
  let inForce: GuardActRecord[] = [];

  const record = async (
    act: Omit<GuardActRecord, "eventId" | "since">,
    details: Record<string, unknown>,
  ): Promise<void> => {
    const nowMs = deps.clock.nowMs();
    const row: GuardActRecord = { eventId: newId("evt", nowMs), since: nowMs, ...act };
    const event: EventRecord = {
      id: row.eventId,
      at: nowMs,
      ...eventOf[act.kind],
      environmentId: act.environmentId,
      message: act.reason,
      details: JSON.stringify({ pressure: act.pressure, ...details }),
      endedAt: null,
    };
    await deps.store.transaction(async (queries) => {
      await queries.insertEvent(event);
      await queries.insertGuardAct(row);
    });
    inForce.push(row);
    deps.log.warn("host guard acts", { act: act.kind, environment: act.environmentId, reason: act.reason });
  };

  /** The engine may take its time with what fights for its life; the next act must not wait for that. */
  const apply = async (environmentId: string): Promise<void> => {
    const applied = deps.apply(environmentId).catch((error: unknown) => {
      // `hold` tries again.
      deps.log.warn("what the host guard does is not in force yet", { environment: environmentId, error });
    });
    await Promise.race([applied, Bun.sleep(applyMs)]);
  };

  const undo = async (act: GuardActRecord): Promise<void> => {
    const nowMs = deps.clock.nowMs();
    await deps.store.transaction(async (queries) => {
      await queries.deleteGuardAct(act.eventId);
      await queries.endEvent(act.eventId, nowMs);
    });
    inForce = inForce.filter((one) => one.eventId !== act.eventId);
    deps.log.info("host guard undoes an act", { act: act.kind, environment: act.environmentId });
    if (act.environmentId !== null && (act.kind === "throttle" || act.kind === "pause"))
      await apply(act.environmentId);
  };

  const onSite = async (
    kind: "throttle" | "pause",
    { kind: pressure, text }: Pressure,
    site: GuardSite,
    suspect: Suspect,
  ): Promise<void> => {
    const cpuMillicores = kind === "throttle" ? throttledTo(site.cpuMillicores) : null;
    const how =
      cpuMillicores === null
        ? "Paused"
        : `Slowed down to ${cpuMillicores / 1000} of its ${site.cpuMillicores / 1000} cores`;
    const reason = `${how}: ${text}, and ${does[pressure]} (${suspect.text}). It goes on by itself when that is over.`;
    const { environmentId } = site;
    await record(
      { kind, environmentId, pressure, reason, cpuMillicores },
      { uses: suspect.text, share: Number(suspect.share.toFixed(2)), cpuMillicores },
    );
    await apply(environmentId);
  };

  return {
    get all() {
      return inForce;
    },
    pauseBuilds: ({ kind, text }) =>
      record(
        {
          kind: "builds",
          environmentId: null,
          pressure: kind,
          reason: `Builds wait: ${text}.`,
          cpuMillicores: null,
        },
        {},
      ),
    noteSlept: async ({ kind, text }, environmentIds) => {
      for (const environmentId of environmentIds)
        await record(
          {
            kind: "sleep",
            environmentId,
            pressure: kind,
            reason: `Put to sleep early, since nobody visits it and ${text}. The next visit wakes it.`,
            cpuMillicores: null,
          },
          {},
        );
    },
    throttle: (pressure, site, suspect) => onSite("throttle", pressure, site, suspect),
    pause: (pressure, site, suspect) => onSite("pause", pressure, site, suspect),
    undo,
    recover: async () => {
      inForce = await deps.store.allGuardActs();
    },
    hold: async () => {
      // A site that was deleted took its acts along.
      inForce = await deps.store.allGuardActs();
      const held = new Set(
        inForce.flatMap(({ kind, environmentId }) =>
          kind === "pause" || kind === "throttle" ? (environmentId ?? []) : [],
        ),
      );
      for (const environmentId of held) await apply(environmentId);
    },
  };
};
