import { existsSync } from "node:fs";
import type { Log } from "../../domain/log.ts";

/** sd_booted(3), and systemd.exec(5): set for what is started by a unit. */
const isUnit = (): boolean =>
  existsSync("/run/systemd/system") && process.env.INVOCATION_ID !== undefined && process.getuid!() === 0;

/**
 * Weights as of the daemon's unit: beside it, not in it, the edge would count no more than each of the sites' units.
 * systemd.resource-control(5).
 */
export const scopeProperties: readonly string[] = [
  "TasksMax=infinity",
  "TimeoutStopSec=20",
  "CPUWeight=500",
  "IOWeight=500",
];

/**
 * Under systemd the edge gets a unit of its own, so that it is not stopped, limited or counted with the daemon's. A
 * scope: the process stays the caller's child, with what it was handed.
 * @returns argv to put in front; empty without systemd, or where it refuses
 */
export const ownScope = async (log: Log): Promise<string[]> => {
  if (!isUnit()) return [];
  const scope = [
    "systemd-run",
    "--scope",
    "--quiet",
    // Gone with its last process, also after a failure.
    "--collect",
    "--description=Croft's edge",
    ...scopeProperties.map((property) => `--property=${property}`),
  ];
  const named = (): string => `--unit=croft-edge-${Bun.randomUUIDv7().slice(0, 13)}-${process.pid}`;
  try {
    const tried = Bun.spawn([...scope, `${named()}-try`, "true"], {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 5_000,
    });
    const said = await new Response(tried.stderr).text();
    if ((await tried.exited) === 0) return [...scope, named(), "--"];
    throw new Error(said.trim());
  } catch (error) {
    log.warn("the edge has no unit of its own, since systemd refuses one", { error });
    return [];
  }
};
