import { resolve } from "node:path";
import { planBuild } from "../../deploy/plan/plan-build.ts";
import { siteTypes } from "../../domain/site.ts";
import { AppError } from "../../errors.ts";
import { defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { facts } from "../text.ts";
import { UsageError } from "../usage-error.ts";

/** On the person's own machine, without a daemon: the same step that a deployment runs. */
export const plan = defineCommand({
  options: {
    dir: { type: "string" },
    dockerfile: { type: "boolean" },
    type: { type: "string" },
    root: { type: "string" },
    port: { type: "string" },
    "build-command": { type: "string" },
    "start-command": { type: "string" },
  },
  words: [0, 0],
  run: async ({ io, print, json }, _words, flags) => {
    const type = siteTypes.find((one) => one === (flags.type ?? "auto"));
    if (type === undefined) throw new UsageError(`--type takes one of ${siteTypes.join(", ")}`);
    const planned = await planBuild({
      dir: resolve(io.cwd, flags.dir ?? "."),
      site: {
        type,
        rootDirectory: flags.root ?? "",
        buildCommand: flags["build-command"] ?? null,
        startCommand: flags["start-command"] ?? null,
        port: wholeFlag("port", flags.port) ?? null,
      },
    });
    if (!json) for (const warning of planned.warnings) io.err(`Note: ${warning}\n`);
    if (flags.dockerfile && !json) {
      if (planned.kind !== "generated")
        throw new AppError("not_found", `nothing is generated here: ${planned.summary}`);
      io.out(planned.dockerfile.replace(/\n*$/, "\n"));
      return;
    }
    print(planned, () =>
      planned.kind === "generated"
        ? facts([
            ["plan", planned.summary],
            ["runtime", `${planned.language} ${planned.version}`],
            ["framework", planned.framework],
            ["packages", planned.packageManager],
            ["start", planned.startDescription],
            ["port", String(planned.port)],
            ...planned.optimisations.map((one) => ["done", one] as const),
          ]) + "\nThe Dockerfile: croft plan --dockerfile\n"
        : facts([
            ["plan", planned.summary],
            ["kind", planned.kind],
            ["port", planned.kind === "dockerfile" && planned.port !== null ? String(planned.port) : null],
          ]),
    );
  },
});
