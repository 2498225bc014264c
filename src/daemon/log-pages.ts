import { operatorOnly } from "../http/auth.ts";
import { readSiteLog, type SiteLogsDeps } from "../logs/site-logs.ts";
import type { PanelDeps } from "../panel/deps.ts";
import type { RetentionDeps } from "../retention/deps.ts";
import { retentionOf, setLogStorage, setRetention, showLogStorage } from "../retention/settings.ts";

/** What the panel's pages on logs and retention read and do. */
export const logPages = (
  siteLogs: SiteLogsDeps,
  retention: RetentionDeps,
): Pick<PanelDeps, "appLog" | "logStorage" | "setLogStorage" | "retention" | "setRetention"> => ({
  appLog: (actor, slug, query) => readSiteLog(siteLogs, actor, slug, query),
  logStorage: (actor, slug) => showLogStorage(retention, actor, slug),
  setLogStorage: async (actor, slug, input) => void (await setLogStorage(retention, actor, slug, input)),
  retention: async (actor) => {
    operatorOnly(actor);
    return retentionOf(retention.store);
  },
  setRetention: async (actor, patch) => {
    operatorOnly(actor);
    await setRetention(retention, actor, patch);
  },
});
