import { shellCommand } from "../../domain/shell-command.ts";
import type { PackageJson } from "./package-json.ts";
import type { PackageManager } from "./package-manager.ts";
import type { SourceFolder } from "./source-folder.ts";
import { givenStart, type Start } from "./start-command.ts";

export interface NodeStart extends Start {
  /** The last stage needs the package manager itself. */
  needsManager: boolean;
}

/** Tried in this order where package.json names nothing. */
export const nodeEntries = ["server.js", "index.js", "app.js"] as const;
const bunEntries = ["index.ts", "server.ts", "src/index.ts", "src/server.ts", "app.ts", ...nodeEntries];
/** Folders that builds write; what `main` names there need not exist yet. */
const builtFolders = /^(?:\.\/)?(?:dist|build|lib|out|\.output)\//;

/**
 * How a package.json app is started: the site's command, the Procfile's `web`, the start script, `main`, or a file
 * of the usual names. Null when there is none of them.
 */
export const nodeStart = async (
  source: SourceFolder,
  manifest: PackageJson,
  manager: PackageManager,
  site: { startCommand: string | null },
  builds: boolean,
): Promise<NodeStart | null> => {
  const given = await givenStart(source, site.startCommand);
  if (given) return { ...given, needsManager: mentionsManager(given.argv.join(" ")) };
  const script = manifest.scripts.start?.trim();
  if (script) return fromScript(script, manifest, manager);
  const file = await entryFile(source, manifest, manager, builds);
  if (file === null) return null;
  return { argv: [manager.runtime, file], description: `${manager.runtime} ${file}`, needsManager: false };
};

const mentionsManager = (text: string): boolean => /\b(?:pnpm|pnpx|yarn|corepack)\b/.test(text);

/**
 * The scripts themselves are run wherever that means the same: package managers stay in memory (50 to 90 MB) and
 * put a shell in front of the app that does not hand on SIGTERM. A script after the end, and variables that only a
 * package manager sets, need one: npm is in every Node image.
 */
const fromScript = (script: string, manifest: PackageJson, manager: PackageManager): NodeStart => {
  const { prestart = "" } = manifest.scripts;
  const description = `start script of package.json: ${script}`;
  const needsManager = mentionsManager(`${prestart} ${script}`);
  const plain = !needsPackageManager(manifest) && !/[#()\n]/.test(prestart);
  // in a Bun project programs that ask for node are run by Bun too; it does not need to for its own
  if (manager.runtime === "bun" && !(plain && !prestart && /^bun\s/.test(script)))
    return { argv: ["bun", "--bun", "run", "start"], description, needsManager };
  if (!plain) return { argv: ["npm", "run", "start"], description, needsManager };
  const [shell, flag, command] = shellCommand(script) as [string, string, string];
  return {
    argv: [shell, flag, prestart ? `(${prestart}) && ${command}` : command],
    description,
    needsManager,
  };
};

/** Name and version of the package are set in the image; what else a package manager sets is not. */
const needsPackageManager = ({ scripts }: PackageJson): boolean =>
  Boolean(scripts.poststart) ||
  /npm_(?!package_(?:name|version)\b)/.test(`${scripts.prestart} ${scripts.start}`);

const entryFile = async (
  source: SourceFolder,
  manifest: PackageJson,
  manager: PackageManager,
  builds: boolean,
): Promise<string | null> => {
  // a page's own script is also called app.js or index.js
  const isPage = (await source.isFile("index.html")) || (await source.isFile("public/index.html"));
  const main = manifest.main?.replace(/^\.\//, "");
  if (main && !isPage && /^[\w@][\w@./ -]*\.[cm]?[jt]sx?$/.test(main) && !main.split("/").includes(".."))
    if ((builds && builtFolders.test(main)) || (await source.isFile(main))) return main;
  const names = manager.runtime === "bun" ? bunEntries : nodeEntries;
  return source.firstFile(isPage ? names.filter((name) => name.includes("server")) : names);
};

const developmentServers =
  /^(?:npx\s+)?(?:vite(?:\s+dev)?(?=\s+-|\s*$)|next\s+dev|nuxt\s+dev|astro\s+dev|react-scripts\s+start|ng\s+serve|vue-cli-service\s+serve|webpack(?:-dev-server|\s+serve)|nodemon)\b/;

/** What is odd about how the app is started, for people. */
export const startWarnings = (manifest: PackageJson, start: Start): string[] => {
  const warnings: string[] = [];
  if (start.argv[0] === "npm")
    warnings.push(
      "the start script needs npm around it, which keeps stop signals from the app: it is ended hard",
    );
  if (developmentServers.test(manifest.scripts.start ?? ""))
    warnings.push(
      "the start script runs a development server: slow, and not made for visitors; start the built app instead",
    );
  return warnings;
};

/** Development dependencies that the start command calls by name, so that they must stay in the image. */
export const developmentToolsIn = (start: Start, manifest: PackageJson): string[] => {
  const words = new Set(start.argv.join(" ").split(/[\s;&|()]+/));
  if (start.argv.includes("run"))
    for (const word of (manifest.scripts.start ?? "").split(/\s+/)) words.add(word);
  return Object.keys(manifest.devDependencies).filter(
    (name) => words.has(name) && !(name in manifest.dependencies),
  );
};
