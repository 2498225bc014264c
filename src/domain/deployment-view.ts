import type { BuildRecord, DeploymentRecord, DeploymentStepRecord, ReleaseRecord } from "./records.ts";
import type { BuildView, CommitView, DeploymentSummary, DeploymentView, ReleaseView } from "./views.ts";

export const isoOf = (ms: number): string => new Date(ms).toISOString();
export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoOf(ms));

const commitView = (deployment: DeploymentRecord): CommitView | null =>
  deployment.commitHash === null
    ? null
    : {
        hash: deployment.commitHash,
        message: deployment.commitMessage ?? "",
        author: deployment.commitAuthor ?? "",
      };

export const deploymentSummary = (
  deployment: DeploymentRecord,
  place: { slug: string; environment: string },
  releaseNumber: number | null,
): DeploymentSummary => ({
  id: deployment.id,
  site: place.slug,
  environment: place.environment,
  status: deployment.status,
  strategy: deployment.strategy,
  trigger: deployment.trigger,
  triggeredBy: deployment.triggeredBy,
  branch: deployment.branch,
  commit: commitView(deployment),
  image: deployment.image,
  // A release that never served is nobody's: only its number is used up.
  release: deployment.switchedAt === null ? null : releaseNumber,
  buildMs: deployment.buildMs,
  deployMs: deployment.deployMs,
  error:
    deployment.errorMessage === null
      ? null
      : { code: deployment.errorCode ?? "deploy_failed", message: deployment.errorMessage },
  createdAt: isoOf(deployment.createdAt),
  startedAt: isoOrNull(deployment.startedAt),
  completedAt: isoOrNull(deployment.completedAt),
});

/** From start to end, or until now. Null before it started. */
export const tookMs = (
  { startedAt, completedAt }: Pick<DeploymentSummary, "startedAt" | "completedAt">,
  nowMs: number,
): number | null => {
  if (startedAt === null) return null;
  return Math.max(0, (completedAt === null ? nowMs : Date.parse(completedAt)) - Date.parse(startedAt));
};

const buildView = (build: BuildRecord): BuildView => ({
  success: build.success === 1,
  exitCode: build.exitCode,
  durationMs: build.durationMs,
  dockerfilePath: build.dockerfilePath,
  dockerfileGenerated: build.dockerfileGenerated === 1,
  dockerfile: build.dockerfile,
  language: build.language,
  framework: build.framework,
  imageId: build.imageId,
  sizeBytes: build.sizeBytes,
  layers: build.layers,
  optimisations: JSON.parse(build.optimisations) as string[],
  errorExcerpt: build.errorExcerpt,
});

export const deploymentView = (
  summary: DeploymentSummary,
  parts: { steps: DeploymentStepRecord[]; build: BuildRecord | undefined; replaces: number | null },
): DeploymentView => ({
  ...summary,
  steps: parts.steps.map((step) => ({
    name: step.name,
    startedAt: isoOf(step.startedAt),
    endedAt: isoOrNull(step.endedAt),
    error: step.error,
  })),
  replaces: parts.replaces,
  build: parts.build ? buildView(parts.build) : null,
});

export const releaseView = (
  release: ReleaseRecord,
  deployment: DeploymentRecord | undefined,
  currentReleaseId: string | null,
): ReleaseView => ({
  id: release.id,
  number: release.number,
  deployment: release.deploymentId,
  imageDigest: release.imageId,
  sizeBytes: release.sizeBytes,
  commit: deployment ? commitView(deployment) : null,
  current: release.id === currentReleaseId,
  kept: release.retiredAt === null,
  createdAt: isoOf(release.createdAt),
});
