import { z } from "zod";
import { AppError } from "../../errors.ts";
import { jsonErrorPosition } from "./json-position.ts";
import type { SourceFolder } from "./source-folder.ts";

const texts = z.record(z.string(), z.string());
/** Fields that tools are lenient about are read leniently; those that decide what runs are not. */
const schema = z.looseObject({
  main: z.string().optional().catch(undefined),
  scripts: texts.default({}),
  dependencies: texts.default({}),
  devDependencies: texts.default({}),
  optionalDependencies: texts.default({}),
  engines: texts.default({}).catch({}),
  packageManager: z.string().optional(),
  workspaces: z.unknown().optional(),
});
export type PackageJson = z.infer<typeof schema>;

/**
 * The folder's package.json, null without one.
 * @throws AppError `deploy_failed` with line and column, or with the field
 */
export const readPackageJson = async (source: SourceFolder): Promise<PackageJson | null> => {
  const text = await source.read("package.json");
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const { line, column } = jsonErrorPosition(text) ?? { line: 1, column: 1 };
    const reason = (cause as Error).message.replace(/^JSON Parse error: /, "");
    throw new AppError(
      "deploy_failed",
      `package.json, line ${line}, column ${column}: is not JSON: ${reason}`,
      {
        cause,
      },
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = issue.path.length === 0 ? "package.json" : `package.json: ${issue.path.join(".")}`;
  throw new AppError("deploy_failed", `${field}: ${issue.message}`, { cause: parsed.error });
};

const frameworks: readonly [dependency: string, name: string][] = [
  ["next", "next"],
  ["nuxt", "nuxt"],
  ["@remix-run/node", "remix"],
  ["@react-router/node", "react-router"],
  ["@sveltejs/kit", "sveltekit"],
  ["astro", "astro"],
  ["@nestjs/core", "nest"],
  ["@adonisjs/core", "adonis"],
  ["hono", "hono"],
  ["elysia", "elysia"],
  ["fastify", "fastify"],
  ["koa", "koa"],
  ["express", "express"],
  ["vite", "vite"],
];

/** The framework among the dependencies; the more specific first, since many bring express or vite along. */
export const frameworkOf = (manifest: PackageJson): string | null => {
  const names = { ...manifest.devDependencies, ...manifest.dependencies };
  return frameworks.find(([dependency]) => dependency in names)?.[1] ?? null;
};
