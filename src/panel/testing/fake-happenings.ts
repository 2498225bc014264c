import type { EventView } from "../../domain/event.ts";
import { fakeNowMs } from "./fake-data.ts";

const ago = (minutes: number): string => new Date(fakeNowMs - minutes * 60_000).toISOString();
const none = { details: {}, environment: "production", endedAt: null };

/** Newest first, of three sites and the host. */
export const fakeEvents: EventView[] = [
  {
    ...none,
    id: "evt_01k0000000000000000000000a",
    at: ago(3),
    kind: "replica.crash_loop",
    severity: "critical",
    site: "seed-library",
    message: "The app ends again and again: 6 times in 4 minutes, last with exit code 1.",
  },
  {
    ...none,
    id: "evt_01k00000000000000000000009",
    at: ago(40),
    kind: "disk.near_full",
    severity: "warning",
    site: "bike-kitchen",
    message: "It uses 860 of 1,024 MB of its disk.",
  },
  {
    ...none,
    id: "evt_01k00000000000000000000008",
    at: ago(70),
    kind: "guard.builds_paused",
    severity: "warning",
    site: null,
    environment: null,
    message: "Builds wait: 300 MB of memory are free, 512 MB are needed.",
    endedAt: ago(64),
  },
  {
    ...none,
    id: "evt_01k00000000000000000000007",
    at: ago(300),
    kind: "site.woken",
    severity: "info",
    site: "bike-kitchen",
    message: "Somebody came: it was awake again within 40 ms.",
  },
];
