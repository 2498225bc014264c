import type { Finding } from "../../doctor/finding.ts";
import type { StorageView } from "../../domain/housekeeping.ts";
import { GB, MB } from "../../domain/size.ts";
import { fakeNowMs } from "./fake-data.ts";

export const fakeStorage: StorageView = {
  countedAt: new Date(fakeNowMs - 4 * 60_000).toISOString(),
  counting: false,
  parts: [
    { kind: "releases", bytes: 3.1 * GB, freeableBytes: 0 },
    { kind: "leftovers", bytes: 120 * MB, freeableBytes: 120 * MB },
    { kind: "buildCache", bytes: 900 * MB, freeableBytes: 640 * MB },
    { kind: "otherImages", bytes: null, freeableBytes: 0 },
    { kind: "volumes", bytes: 2.2 * GB, freeableBytes: 0 },
    { kind: "database", bytes: 44 * MB, freeableBytes: 0 },
  ],
  sites: [
    { site: "bike-kitchen", bytes: 1.4 * GB },
    { site: "seed-library", bytes: 300 * MB },
  ],
  disk: { freeBytes: 21 * GB, totalBytes: 40 * GB },
  lastClean: { at: new Date(fakeNowMs - 26 * 3_600_000).toISOString(), freedBytes: 410 * MB },
};

export const fakeFindings: Finding[] = [
  { check: "docker", state: "ok", detail: "Docker 20.10.24 answers", mend: null },
  {
    check: "swap",
    state: "warn",
    detail: "none: idle sites keep their memory, and a short peak ends in a kill",
    mend: "fallocate -l 2G /swapfile && mkswap /swapfile && swapon /swapfile",
  },
  {
    check: "open files",
    state: "fail",
    detail: "at most 1024, and each visitor takes two",
    mend: "LimitNOFILE=1048576 in the unit: systemctl edit croft",
  },
];
