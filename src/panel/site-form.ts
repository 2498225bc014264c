import type { SiteFields, SiteType } from "../domain/site.ts";
import type { SiteView } from "../domain/views.ts";
import { AppError, type FieldError } from "../errors.ts";
import { given, type Typed } from "./form.ts";

/** What the settings form shows of a site. */
export const typedSite = (site: SiteView): Typed => ({
  name: site.name,
  description: site.description,
  type: site.type,
  repositoryUrl: site.repositoryUrl ?? "",
  branch: site.branch,
  rootDirectory: site.rootDirectory,
  buildCommand: site.buildCommand ?? "",
  startCommand: site.startCommand ?? "",
  port: site.port === null ? "" : String(site.port),
  image: site.image ?? "",
  autoDeploy: site.autoDeploy ? "yes" : "",
  internal: site.internal ? "yes" : "",
  egress: site.egress ? "yes" : "",
  readOnlyRoot: site.readOnlyRoot ? "yes" : "",
  restorePriority: String(site.restorePriority),
  "healthCheck.type": site.healthCheck.type,
  "healthCheck.path": site.healthCheck.path,
  "healthCheck.deadlineSeconds": String(site.healthCheck.deadlineSeconds),
});

/** Text as a number; what is none goes on as NaN, for the feature's own check to refuse with its bounds. */
const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

/** The fields that a new site's form may hold; left empty means the default. */
export const readNewSite = (typed: Typed): SiteFields => ({
  repositoryUrl: given(typed, "repositoryUrl"),
  image: given(typed, "image"),
  type: given(typed, "type") as SiteType | undefined,
  branch: given(typed, "branch"),
  rootDirectory: given(typed, "rootDirectory"),
  buildCommand: given(typed, "buildCommand"),
  startCommand: given(typed, "startCommand"),
  port: numberOf(given(typed, "port")),
});

/**
 * Everything on the settings form; empty takes a value away where that is possible.
 * @throws AppError `invalid_input` for numbers that are none
 */
export const readSiteSettings = (typed: Typed, site: SiteView): SiteFields => {
  const wrong: FieldError[] = [];
  const whole = (name: string): number | undefined => {
    const text = given(typed, name);
    if (text === undefined) return undefined;
    if (!/^-?\d+$/.test(text)) wrong.push({ path: name, message: "must be a whole number" });
    return Number(text);
  };
  const port = whole("port");
  const restorePriority = whole("restorePriority");
  const deadlineSeconds = whole("healthCheck.deadlineSeconds") ?? site.healthCheck.deadlineSeconds;
  if (wrong.length > 0) throw new AppError("invalid_input", "some fields hold no number", { fields: wrong });
  return {
    name: (typed.name ?? "").trim(),
    description: (typed.description ?? "").trim(),
    type: (given(typed, "type") as SiteType | undefined) ?? site.type,
    repositoryUrl: given(typed, "repositoryUrl") ?? null,
    branch: given(typed, "branch") ?? site.branch,
    rootDirectory: (typed.rootDirectory ?? "").trim(),
    buildCommand: given(typed, "buildCommand") ?? null,
    startCommand: given(typed, "startCommand") ?? null,
    port: port ?? null,
    image: given(typed, "image") ?? null,
    autoDeploy: typed.autoDeploy === "yes",
    internal: typed.internal === "yes",
    egress: typed.egress === "yes",
    readOnlyRoot: typed.readOnlyRoot === "yes",
    restorePriority,
    healthCheck: {
      ...site.healthCheck,
      type: typed["healthCheck.type"] as "http" | "tcp",
      path: given(typed, "healthCheck.path") ?? "/",
      deadlineSeconds,
    },
  };
};
