import type { SiteView } from "../domain/views.ts";

/** What a site's use as a whole is measured against: limits are of each replica, usage is of all. */
export const wholeLimits = (site: Pick<SiteView, "limits" | "together">) =>
  site.together ?? { ...site.limits.asked, replicas: 1 };
