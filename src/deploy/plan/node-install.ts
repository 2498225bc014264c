import type { PackageJson } from "./package-json.ts";
import type { PackageManager } from "./package-manager.ts";
import type { SourceFolder } from "./source-folder.ts";

const installScripts = [
  "preinstall",
  "install",
  "postinstall",
  "prepublish",
  "preprepare",
  "prepare",
  "postprepare",
];

/**
 * Why dependencies cannot be installed from manifest and lockfile alone, ahead of the source: for people; null when
 * they can.
 */
export const whyWholeSource = async (
  source: SourceFolder,
  manifest: PackageJson,
  manager: PackageManager,
): Promise<string | null> => {
  if (manifest.workspaces !== undefined) return "package.json has workspaces";
  if (manager.name === "pnpm") {
    const workspace = (await source.head("pnpm-workspace.yaml", 64 * 1024)) ?? "";
    if (/^packages:/m.test(workspace)) return "pnpm-workspace.yaml has packages";
    if (/^patchedDependencies:/m.test(workspace)) return "dependencies are patched";
  }
  const script = installScripts.find((name) => manifest.scripts[name]);
  if (script) return `package.json has a script ${script}`;
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const all = { ...optionalDependencies, ...devDependencies, ...dependencies };
  const local = Object.entries(all).find(([, range]) =>
    /^(?:file|link|portal|workspace|patch):|^[./~]/.test(range),
  );
  if (local) return `${local[0]} is a dependency from the repository itself`;
  if (JSON.stringify([manifest.pnpm, manifest.patchedDependencies]).includes("atch"))
    return "dependencies are patched";
  if ("@prisma/client" in all) return "Prisma writes its client among the dependencies";
  return null;
};

/** Whether there is anything to install at all. */
export const hasDependencies = (manifest: PackageJson): boolean =>
  [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies].some(
    (each) => Object.keys(each).length > 0,
  ) || manifest.workspaces !== undefined;
