import type { DeploymentRecord, EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import type { Journal } from "./journal.ts";

/** One running deployment: what every step gets. */
export interface Job {
  deployment: DeploymentRecord;
  site: SiteRecord;
  environment: EnvironmentRecord;
  journal: Journal;
  /** Aborts when the deployment is cancelled or the daemon stops. */
  signal: AbortSignal;
}

/** The tag of the image that this deployment builds, or takes. */
export const buildTag = ({ site, deployment }: Job): string => `croft/${site.slug}:${deployment.id}`;

export const ownerOf = (job: Job, release: string) => ({
  site: job.site.slug,
  environment: job.environment.name,
  release,
});
