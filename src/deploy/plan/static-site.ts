import { join } from "node:path";
import type { PlanRequest, StaticPlan } from "./build-plan.ts";
import type { SourceFolder } from "./source-folder.ts";

/** Folders that may hold a finished website, after the root itself. */
export const staticFolders = ["public", "dist", "build", "_site", "site"] as const;

/**
 * The folder with an index.html: the root, or one of the usual ones. Null when there is none.
 * @param sourceIsRaw the root is what a build reads (a bundler's index.html), so only finished folders count
 */
export const planStatic = async (
  source: SourceFolder,
  site: PlanRequest["site"],
  sourceIsRaw: boolean,
): Promise<StaticPlan | null> => {
  const folders = sourceIsRaw ? staticFolders : ["", ...staticFolders];
  for (const folder of folders) {
    if (!(await source.isFile(join(folder, "index.html")))) continue;
    const warnings = (["build", "start"] as const)
      .filter((which) => site[`${which}Command`]?.trim())
      .map((which) => `the ${which} command is not run: a static site is served as it is in the repository`);
    const path = join(site.rootDirectory, folder);
    return {
      kind: "static",
      folder: path === "." ? "" : path.replace(/\/$/, ""),
      summary: `static website from ${folder === "" ? "the root" : `${folder}/`}, served without a container`,
      warnings,
    };
  }
  return null;
};
