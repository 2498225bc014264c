import type { SiteType } from "../../domain/site.ts";
import type { PlannedProcesses } from "./processes.ts";

/** What is asked of the plan step; a site's record has these fields. */
export interface PlanRequest {
  /** The source: a checkout, or a folder of the person who asks. Only read. */
  dir: string;
  site: {
    type: SiteType;
    rootDirectory: string;
    buildCommand: string | null;
    startCommand: string | null;
    port: number | null;
  };
}

export type BuildPlan = StaticPlan | DockerfilePlan | GeneratedPlan;

interface PlanBase {
  /** One sentence for people. */
  summary: string;
  /** What may surprise or could be better, a sentence each. */
  warnings: string[];
}

/** Files that the edge serves itself. */
export interface StaticPlan extends PlanBase {
  kind: "static";
  /** Relative to `dir` (the root directory is part of it); "" is `dir` itself. */
  folder: string;
}

/** The repository's own Dockerfile; it has passed `checkDockerfile`. */
export interface DockerfilePlan extends PlanBase {
  kind: "dockerfile";
  /** Relative to the root directory, which is the build's context. */
  path: string;
  /** The site's, otherwise the first that the Dockerfile exposes; null leaves it to the built image. */
  port: number | null;
  externalImages: string[];
  processes?: PlannedProcesses;
}

/** An app for which Croft writes the Dockerfile; the context is the root directory. */
export interface GeneratedPlan extends PlanBase {
  kind: "generated";
  language: "node" | "bun" | "python";
  /** `express`, `django`, …; null when none is known. */
  framework: string | null;
  /** Of the runtime, as in the base image. */
  version: string;
  packageManager: string;
  /** Its whole text; it passes `checkDockerfile`. */
  dockerfile: string;
  /** What was done for a small image and fast builds, in plain words. */
  optimisations: string[];
  /** Given to the app as PORT. */
  port: number;
  processes?: PlannedProcesses;
  startDescription: string;
  /** Lines of the context's `.dockerignore`: the repository's own, then what never belongs into a build. */
  ignore: string[];
}

/** The port that apps are told to listen on when nothing says another. */
export const defaultPort = 3000;
