import { defaultGuardSettings, type GuardView } from "../../domain/guard.ts";
import { GB } from "../../domain/size.ts";

/** A guard that has slowed one site down. */
export const fakeGuard = (nowMs: number): GuardView => {
  const since = new Date(nowMs - 90_000).toISOString();
  const message =
    "Slowed down to 0.1 of its 0.5 cores: the server's processors are overloaded (98 % busy, and work waits for them 74 % of the time), and this site keeps them busiest (0.49 cores). It goes on by itself when that is over.";
  const earlier = new Date(nowMs - 3 * 3_600_000).toISOString();
  return {
    isOn: true,
    figures: {
      disk: { folder: "/var/lib/croft", freeBytes: 21.5 * GB, totalBytes: 80 * GB },
      memory: { availableBytes: 1.4 * GB, totalBytes: 4 * GB, swapFreeBytes: 0 },
      cpuBusyPercent: 98,
      cpuStalledPercent: 74,
      memoryStalledPercent: 0,
      ioStalledPercent: 3,
    },
    settings: { ...defaultGuardSettings, diskFreeBytes: 4 * GB, memoryAvailableBytes: 0.2 * GB },
    pressures: [{ kind: "cpu", since, text: "the server's processors are overloaded" }],
    heaviest: {
      disk: null,
      io: null,
      memory: { site: "seed-library", environment: "production", text: "380 MB of memory" },
      cpu: { site: "seed-library", environment: "production", text: "0.49 cores" },
    },
    yields: "seed-library",
    inForce: [
      {
        id: "evt_2",
        kind: "throttle",
        site: "seed-library",
        environment: "production",
        pressure: "cpu",
        reason: message,
        since,
      },
    ],
    recent: [
      { id: "evt_2", at: since, site: "seed-library", message, endedAt: null },
      {
        id: "evt_1",
        at: earlier,
        site: null,
        message: "Builds wait: the server has 180 MB of free memory left (205 MB are to stay free).",
        endedAt: earlier,
      },
    ],
    buildsWait: null,
  };
};
