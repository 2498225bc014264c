import type { Kysely } from "kysely";
import { certificateQueries } from "./queries/certificates.ts";
import { deploymentQueries } from "./queries/deployments.ts";
import { diskQueries } from "./queries/disk.ts";
import { dnsProviderQueries } from "./queries/dns-providers.ts";
import { domainQueries } from "./queries/domains.ts";
import { edgeRulesQueries } from "./queries/edge-rules.ts";
import { egressQueries } from "./queries/egress.ts";
import { eventQueries } from "./queries/events.ts";
import { guardQueries } from "./queries/guard.ts";
import { hookQueries } from "./queries/hooks.ts";
import { identityQueries } from "./queries/identity.ts";
import { linkQueries } from "./queries/links.ts";
import { processQueries } from "./queries/processes.ts";
import { releaseQueries } from "./queries/releases.ts";
import { runQueries } from "./queries/runs.ts";
import { retentionQueries } from "./queries/retention.ts";
import { settingQueries } from "./queries/settings.ts";
import { sleepQueries } from "./queries/sleep.ts";
import { supervisionQueries } from "./queries/supervision.ts";
import { siteQueries } from "./queries/sites.ts";
import { trafficQueries } from "./queries/traffic.ts";
import type { Schema } from "./schema.ts";

const queriesOn = (db: Kysely<Schema>) => ({
  ...siteQueries(db),
  ...deploymentQueries(db),
  ...releaseQueries(db),
  ...settingQueries(db),
  ...identityQueries(db),
  ...hookQueries(db),
  ...domainQueries(db),
  ...certificateQueries(db),
  ...diskQueries(db),
  ...dnsProviderQueries(db),
  ...edgeRulesQueries(db),
  ...trafficQueries(db),
  ...sleepQueries(db),
  ...eventQueries(db),
  ...retentionQueries(db),
  ...runQueries(db),
  ...processQueries(db),
  ...linkQueries(db),
  ...guardQueries(db),
  ...egressQueries(db),
  ...supervisionQueries(db),
});

export type Queries = ReturnType<typeof queriesOn>;

export interface Store extends Queries {
  /**
   * Runs all or nothing. Inside, only the queries that are passed in may be awaited: there is one connection, so
   * a query on the outer store would wait for the transaction that waits for it.
   */
  transaction<T>(run: (queries: Queries) => Promise<T>): Promise<T>;
}

export const createStore = (db: Kysely<Schema>): Store => ({
  ...queriesOn(db),
  transaction: (run) => db.transaction().execute((trx) => run(queriesOn(trx))),
});
