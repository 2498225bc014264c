import type { Migration } from "kysely/migration";
import * as initial from "./0001_initial.ts";
import * as domains from "./0002_domains.ts";
import * as edgeRules from "./0003_edge_rules.ts";
import * as dnsProviders from "./0005_dns_providers.ts";
import * as traffic from "./0006_traffic.ts";
import * as events from "./0007_events.ts";
import * as disk from "./0008_disk.ts";
import * as sleep from "./0009_sleep.ts";
import * as guard from "./0010_guard.ts";
import * as runs from "./0011_runs.ts";
import * as retention from "./0012_retention.ts";
import * as processes from "./0013_processes.ts";
import * as egress from "./0014_egress.ts";
import * as supervision from "./0015_supervision.ts";

/** In order; a compiled binary has no folder to scan. Names are kept in the database: never rename one. */
export const migrations: Record<string, Migration> = {
  "0001_initial": initial,
  "0002_domains": domains,
  "0003_edge_rules": edgeRules,
  "0005_dns_providers": dnsProviders,
  "0006_traffic": traffic,
  "0007_events": events,
  "0008_disk": disk,
  "0009_sleep": sleep,
  "0010_guard": guard,
  "0011_runs": runs,
  "0012_retention": retention,
  "0013_processes": processes,
  "0014_egress": egress,
  "0015_supervision": supervision,
};
