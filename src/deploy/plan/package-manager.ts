import type { PackageJson } from "./package-json.ts";
import type { SourceFolder } from "./source-folder.ts";

/** How dependencies are installed. Commands are shell lines of ours, without anything from the repository. */
export interface PackageManager {
  name: "npm" | "pnpm" | "yarn" | "yarn berry" | "bun";
  runtime: "node" | "bun";
  /** Lockfile in the folder, null without one. */
  lockfile: string | null;
  /** Exact package to install the tool from npm (`pnpm@10.12.1`); null when the base image has it. */
  tool: string | null;
  /** Files besides package.json and lockfile that decide what is installed, as far as they are there. */
  settings: string[];
  /** Folders of such files. */
  settingFolders: string[];
  installAll: string;
  /** Without development dependencies; null when the tool cannot leave them out. */
  installProduction: string | null;
  /** Takes development dependencies out of an installed tree; null when the tool cannot. */
  prune: string | null;
  /** Environment that its commands need. */
  env: Record<string, string>;
  warnings: string[];
}

const lockfiles = [
  "bun.lock",
  "bun.lockb",
  "pnpm-lock.yaml",
  "yarn.lock",
  "package-lock.json",
  "npm-shrinkwrap.json",
];
const managerOf: Record<string, string> = {
  "bun.lock": "bun",
  "bun.lockb": "bun",
  "pnpm-lock.yaml": "pnpm",
  "yarn.lock": "yarn",
  "package-lock.json": "npm",
  "npm-shrinkwrap.json": "npm",
};

/** The `packageManager` field (`pnpm@10.1.0+sha512…`); its version goes into the Dockerfile, so it is read strictly. */
const declared = (manifest: PackageJson): { name: string; version: string } | null => {
  const match = /^(npm|pnpm|yarn|bun)@(\d{1,4}\.\d{1,4}\.\d{1,4}(?:-[a-z0-9.]{1,30})?)(?:\+.*)?$/.exec(
    manifest.packageManager ?? "",
  );
  return match ? { name: match[1]!, version: match[2]! } : null;
};

/** By the packageManager field, otherwise by the lockfile, otherwise npm. */
export const packageManagerOf = async (
  source: SourceFolder,
  manifest: PackageJson,
): Promise<PackageManager> => {
  const present: string[] = [];
  for (const name of lockfiles) if (await source.isFile(name)) present.push(name);
  const field = declared(manifest);
  const name = field?.name ?? managerOf[present[0] ?? ""] ?? "npm";
  const own = present.filter((file) => managerOf[file] === name);
  const lockfile = own[0] ?? null;
  const warnings: string[] = [];
  if (manifest.packageManager !== undefined && field === null)
    warnings.push(
      `packageManager ${JSON.stringify(manifest.packageManager.slice(0, 60))} is not npm, pnpm, yarn or bun with an exact version; ${name} is used`,
    );
  if (lockfile === null)
    warnings.push(`there is no lockfile of ${name}: each build may install other versions; commit one`);
  const others = present.filter((file) => file !== lockfile);
  if (others.length > 0 && lockfile !== null)
    warnings.push(`there are several lockfiles; ${lockfile} is used and ${others.join(", ")} is not`);

  const settings: string[] = [];
  for (const file of settingsOf[name]!) if (await source.isFile(file)) settings.push(file);
  const common = { lockfile, settings, settingFolders: [] as string[], env: {}, warnings };
  switch (name) {
    case "bun":
      return { ...bun(lockfile), ...common };
    case "pnpm":
      return { ...pnpm(lockfile, field?.version ?? (await pnpmMajor(source))), ...common };
    case "yarn": {
      const isBerry = field
        ? !/^[01]\./.test(field.version)
        : ((await source.head("yarn.lock", 2000)) ?? "").includes("__metadata:");
      if (!isBerry) return { ...yarnClassic(lockfile), ...common };
      const settingFolders = (await source.isFolder(".yarn")) ? [".yarn"] : [];
      return {
        ...(await yarnBerry(source, lockfile, field?.version ?? null)),
        ...common,
        settingFolders,
        // node_modules is what every tool and framework understands; Plug'n'Play would be needed at run time too
        env: { YARN_NODE_LINKER: "node-modules", YARN_ENABLE_TELEMETRY: "0" },
      };
    }
    default:
      return { ...npm(lockfile), ...common };
  }
};

const settingsOf: Record<string, string[]> = {
  npm: [".npmrc"],
  bun: ["bunfig.toml", ".npmrc"],
  pnpm: [".npmrc", "pnpm-workspace.yaml", ".pnpmfile.cjs"],
  yarn: [".npmrc", ".yarnrc", ".yarnrc.yml"],
};

type Commands = Pick<
  PackageManager,
  "name" | "runtime" | "tool" | "installAll" | "installProduction" | "prune"
>;

const npm = (lockfile: string | null): Commands => {
  const install = `npm ${lockfile ? "ci" : "install"} --no-audit --no-fund`;
  return {
    name: "npm",
    runtime: "node",
    tool: null,
    installAll: `${install} --include=dev`,
    installProduction: `${install} --omit=dev`,
    // its own scripts ran at the install; "prepare" would now miss what was taken out
    prune: "npm prune --omit=dev --ignore-scripts --no-audit --no-fund",
  };
};

const pnpm = (lockfile: string | null, version: string): Commands => {
  const install = `pnpm install ${lockfile ? "--frozen-lockfile" : "--no-frozen-lockfile"}`;
  return {
    name: "pnpm",
    runtime: "node",
    tool: `pnpm@${version}`,
    installAll: `${install} --prod=false`,
    installProduction: `${install} --prod`,
    prune: "CI=true pnpm prune --prod --ignore-scripts",
  };
};

/** A lockfile is read only by the versions of its time. */
const pnpmMajor = async (source: SourceFolder): Promise<string> => {
  const version = /^lockfileVersion:\s*['"]?(\d+)/m.exec(
    (await source.head("pnpm-lock.yaml", 2000)) ?? "",
  )?.[1];
  if (version === "6") return "8";
  return version === "5" ? "7" : "10";
};

const yarnClassic = (lockfile: string | null): Commands => {
  const install = `yarn install --non-interactive${lockfile ? " --frozen-lockfile" : ""}`;
  return {
    name: "yarn",
    runtime: "node",
    // every official Node image has it
    tool: null,
    installAll: `${install} --production=false`,
    installProduction: `${install} --production=true`,
    prune: `${install} --production=true --ignore-scripts --prefer-offline`,
  };
};

const yarnBerry = async (
  source: SourceFolder,
  lockfile: string | null,
  declaredVersion: string | null,
): Promise<Commands> => {
  const settings = (await source.head(".yarnrc.yml", 16_384)) ?? "";
  const carried = /^yarnPath:.*?yarn-(\d+)\.[\w.-]+\.c?js/m.exec(settings)?.[1];
  // a lockfile of version 8 is Yarn 4's, of 6 Yarn 3's
  const format = /^__metadata:\s+version: (\d+)/m.exec((await source.head("yarn.lock", 2000)) ?? "")?.[1];
  const version = declaredVersion ?? carried ?? (format !== undefined && Number(format) < 8 ? "3" : "4");
  return {
    name: "yarn berry",
    runtime: "node",
    // Yarn 1 in the image hands over to the release that the repository carries
    tool: /^yarnPath:/m.test(settings) ? null : `@yarnpkg/cli-dist@${version}`,
    installAll: `yarn install ${lockfile ? "--immutable" : "--no-immutable"}`,
    // part of the program since 4, a plugin before
    installProduction: /^[23](?:\.|$)/.test(version) ? null : "yarn workspaces focus --production",
    prune: null,
  };
};

const bun = (lockfile: string | null): Commands => {
  const install = `bun install${lockfile ? " --frozen-lockfile" : ""}`;
  return {
    name: "bun",
    runtime: "bun",
    tool: null,
    installAll: install,
    installProduction: `${install} --production`,
    prune: null,
  };
};
