import type { PackageManager } from "./package-manager.ts";

export interface NodeDockerfileInput {
  baseImage: string;
  /** Account of the base image, uid 1000. */
  user: "node" | "bun";
  manager: PackageManager;
  /** False: nothing is installed. */
  hasDependencies: boolean;
  /** Installs after the whole source was copied. */
  wholeSource: boolean;
  /** Development dependencies stay in the image. */
  keepDevelopment: boolean;
  /** Takes development dependencies out after a build from the whole source. */
  prune: boolean;
  /** Exec form; null without a build. */
  build: string[] | null;
  start: { argv: string[]; needsManager: boolean };
  /** Set in the last stage; values without blanks, quotes and variables. */
  env: Record<string, string>;
  port: number;
}

const toolFolder = "/opt/package-manager";
/** JSON keeps whatever a command holds inside its quotes: no line of a Dockerfile can be begun or ended from there. */
export const execForm = (argv: string[]): string => JSON.stringify(argv);
export const copyLine = (from: string[], to: string): string => `COPY ${from.join(" ")} ${to}`;

/**
 * The Dockerfile of a package.json app, for the classic builder and BuildKit alike (no mounts, no here-documents).
 * Installed first is what the app runs with, from manifest and lockfile alone: that layer outlives changes of the
 * source, and all releases with the same lockfile share it on disk. A build goes on from there with the
 * development dependencies added, and only its result is copied.
 */
export const nodeDockerfile = (input: NodeDockerfileInput): string => {
  const { baseImage, manager, build, wholeSource, hasDependencies, user } = input;
  const lines: string[] = [];
  const from = (image: string, stage?: string) => {
    if (lines.length > 0) lines.push("");
    lines.push(`FROM ${image}${stage ? ` AS ${stage}` : ""}`);
  };
  const runBuild = () => {
    if (build)
      lines.push("ENV NODE_ENV=production PATH=/app/node_modules/.bin:$PATH", `RUN ${execForm(build)}`);
  };
  const installFirst = hasDependencies && !wholeSource;

  if (installFirst) {
    from(baseImage, "dependencies");
    lines.push(...setUp(manager));
    const files = ["package.json", ...(manager.lockfile ? [manager.lockfile] : []), ...manager.settings];
    lines.push(copyLine(files, "./"));
    for (const folder of manager.settingFolders) lines.push(copyLine([folder], `./${folder}`));
    const command = input.keepDevelopment
      ? manager.installAll
      : (manager.installProduction ?? manager.installAll);
    // some tools make no folder when there is nothing to put in
    lines.push(`RUN ${command} && mkdir -p node_modules`);
    if (build) {
      from("dependencies", "build");
      if (!input.keepDevelopment && manager.installProduction) lines.push(`RUN ${manager.installAll}`);
      lines.push("COPY . .");
      runBuild();
      lines.push("RUN rm -rf node_modules");
    }
  } else if (hasDependencies || build) {
    from(baseImage, "build");
    lines.push(...setUp(manager), "COPY . .");
    if (hasDependencies) lines.push(`RUN ${manager.installAll}`);
    runBuild();
    if (input.prune && manager.prune) lines.push(`RUN ${manager.prune}`);
  }

  from(baseImage);
  lines.push("WORKDIR /app", `RUN chown ${user}:${user} /app`);
  const carriesTool =
    input.start.needsManager && manager.tool !== null && (hasDependencies || build !== null);
  if (carriesTool)
    lines.push(`COPY --from=${installFirst ? "dependencies" : "build"} ${toolFolder} ${toolFolder}`);
  const path = `/app/node_modules/.bin:${carriesTool ? `${toolFolder}/bin:` : ""}$PATH`;
  lines.push(`ENV NODE_ENV=production PORT=${input.port} PATH=${path}`);
  const chown = `--chown=${user}:${user}`;
  if (installFirst) lines.push(`COPY --from=dependencies ${chown} /app/node_modules ./node_modules`);
  lines.push(
    build || (hasDependencies && wholeSource) ? `COPY --from=build ${chown} /app ./` : `COPY ${chown} . .`,
  );
  // last, since a version changes with each release
  if (Object.keys(input.env).length > 0) lines.push(`ENV ${assignments(input.env)}`);
  lines.push(`USER ${user}`, `EXPOSE ${input.port}`, `CMD ${execForm(input.start.argv)}`);
  return lines.join("\n") + "\n";
};

const assignments = (env: Record<string, string>): string =>
  Object.entries(env)
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");

const setUp = (manager: PackageManager): string[] => {
  return [
    "WORKDIR /app",
    ...(Object.keys(manager.env).length > 0 ? [`ENV ${assignments(manager.env)}`] : []),
    // a folder of its own: nothing that the base image has is in the way, and later stages can copy it
    ...(manager.tool
      ? [
          `RUN npm install --global --prefix ${toolFolder} --no-audit --no-fund ${manager.tool}`,
          `ENV PATH=${toolFolder}/bin:$PATH`,
        ]
      : []),
  ];
};
