import { z } from "zod";
import { limitsSchema } from "../../domain/limits.ts";
import {
  mostProcesses,
  processNameSchema,
  type ReleaseProcess,
  replicasSchema,
} from "../../domain/process.ts";
import { parseBytes } from "../../domain/size.ts";
import { portSchema } from "../../domain/site.ts";
import { AppError } from "../../errors.ts";
import type { SourceFolder } from "./source-folder.ts";

/** What a source says about its processes, in croft.json and Procfile; where both name one, croft.json holds. */
export interface SourceProcesses {
  /** Null where nothing names it; `false`: there is to be none. */
  web: { command: string | null; port: number | null } | false | null;
  /** `web` of the Procfile, which is only for apps that Croft builds. */
  procfileWeb: string | null;
  others: ReleaseProcess[];
  warnings: string[];
}

const command = z
  .string({ error: "must be given, as text: what the process runs" })
  .min(1, "is empty")
  .max(1000, "must be at most 1,000 characters")
  .regex(/^[^\x00-\x1f\x7f]*$/, "must be one line without control characters");

const memory = z
  .string({ error: "must be a size such as 256m" })
  .transform((text, context): number => {
    const bytes = parseBytes(text);
    if (bytes !== null) return bytes;
    context.addIssue({ code: "custom", message: "must be a size such as 256m" });
    return z.NEVER;
  })
  .pipe(limitsSchema.shape.memoryBytes);

const web = z.union(
  [z.literal(false), z.strictObject({ command: command.optional(), port: portSchema.optional() })],
  {
    error: "must be false, for none, or an object with command and port",
  },
);
const other = z.strictObject({
  command,
  port: portSchema.optional(),
  replicas: replicasSchema.default(1),
  memory: memory.optional(),
  /** Cores. */
  cpu: z
    .number("must be a number of cores such as 0.5")
    .transform((cores) => Math.round(cores * 1000))
    .pipe(limitsSchema.shape.cpuMillicores)
    .optional(),
  pids: limitsSchema.shape.pids.optional(),
});

/** Other features have their own parts of the file. */
const fileSchema = z.looseObject({
  processes: z
    .looseObject({ web: web.optional() })
    .pipe(z.object({ web: web.optional() }).catchall(other))
    .optional(),
});

const failed = (message: string, cause?: unknown) => new AppError("deploy_failed", message, { cause });

/** @throws AppError `deploy_failed` naming file and field */
export const readProcesses = async (source: SourceFolder): Promise<SourceProcesses> => {
  const file = await readFile(source);
  const { web = null, ...named } = file ?? {};
  const procfile = parseProcfile((await source.head("Procfile", 64 * 1024)) ?? "");
  const others = new Map<string, ReleaseProcess>();
  for (const [name, command] of procfile.commands)
    if (name !== "web") others.set(name, { name, command, port: null, replicas: 1, limits: {} });
  for (const [name, { command, port, replicas, memory, cpu, pids }] of Object.entries(
    named as Record<string, z.output<typeof other>>,
  )) {
    const asName = processNameSchema.safeParse(name);
    if (!asName.success) throw failed(`croft.json: processes.${name}: ${asName.error.issues[0]!.message}`);
    others.set(name, {
      ...{ name, command, port: port ?? null, replicas },
      limits: {
        ...(memory !== undefined && { memoryBytes: memory }),
        ...(cpu !== undefined && { cpuMillicores: cpu }),
        ...(pids !== undefined && { pids }),
      },
    });
  }
  if (others.size > mostProcesses)
    throw failed(`there are ${others.size} processes besides web; at most ${mostProcesses} are allowed`);
  return {
    web: web && { command: web.command ?? null, port: web.port ?? null },
    procfileWeb: procfile.commands.get("web") ?? null,
    others: [...others.values()],
    warnings: procfile.warnings,
  };
};

const readFile = async (source: SourceFolder) => {
  const text = await source.read("croft.json");
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message.replace(/^JSON Parse error: /, "");
    throw failed(`croft.json is not JSON: ${reason}`, cause);
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data.processes ?? null;
  const issue = parsed.error.issues[0]!;
  throw failed(`croft.json: ${issue.path.join(".") || "the file"}: ${issue.message}`, parsed.error);
};

/** `name: command`, a line each; lines that are none are comments to every tool that reads such files. */
const parseProcfile = (text: string): { commands: Map<string, string>; warnings: string[] } => {
  const commands = new Map<string, string>();
  const warnings: string[] = [];
  for (const [, name, rest] of text.matchAll(/^([A-Za-z0-9_-]+)[ \t]*:([^\r\n]*)/gm)) {
    if (rest!.trim() === "") continue;
    if (name === "release") {
      warnings.push("the Procfile's release process is not run");
      continue;
    }
    const parsed = processNameSchema.safeParse(name);
    if (!parsed.success)
      throw failed(`Procfile: process ${name}: the name ${parsed.error.issues[0]!.message}`);
    const asCommand = command.safeParse(rest!.trim());
    if (!asCommand.success)
      throw failed(`Procfile: process ${name}: its command ${asCommand.error.issues[0]!.message}`);
    if (!commands.has(parsed.data)) commands.set(parsed.data, asCommand.data);
  }
  return { commands, warnings };
};

/** What a release of this source runs. */
export interface PlannedProcesses {
  hasWeb: boolean;
  /** Of `web`, from croft.json; null leaves it to the image. */
  webCommand: string | null;
  /** Besides `web`. */
  others: ReleaseProcess[];
}

/**
 * Whether visitors are answered: croft.json can say that they are not; and where Croft builds the app, a source that
 * names its processes has those alone. A Dockerfile's own command is `web`.
 */
export const plannedProcesses = (
  named: SourceProcesses,
  startCommand: string | null,
  isBuiltByCroft: boolean,
): PlannedProcesses => {
  const namesWeb = Boolean(startCommand?.trim()) || named.web !== null || named.procfileWeb !== null;
  const hasWeb = named.web !== false && (namesWeb || !isBuiltByCroft || named.others.length === 0);
  if (!hasWeb && named.others.length === 0)
    throw failed("croft.json: processes: web is false and there is no other process, so nothing would run");
  return { hasWeb, webCommand: (named.web || null)?.command ?? null, others: named.others };
};
