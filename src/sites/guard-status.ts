import type { GuardActRecord } from "../domain/guard.ts";
import type { SiteStatus } from "../domain/site.ts";

interface Status {
  status: SiteStatus;
  statusReason: string | null;
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

/** What the host guard does to a site goes before what is otherwise said of one that runs; the gravest last. */
export const guardedStatus = (present: Status, acts: readonly GuardActRecord[]): Status => {
  if (present.status !== "running" && present.status !== "failed") return present;
  const act =
    acts.findLast(({ kind }) => kind === "pause") ?? acts.findLast(({ kind }) => kind === "throttle");
  if (!act) return present;
  const statusReason = lowerFirst(act.reason).replace(/\.$/, "");
  if (act.kind === "pause") return { status: "stopped", statusReason };
  return present.status === "running" ? { status: "running", statusReason } : present;
};
