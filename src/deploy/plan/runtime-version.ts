import { baseImageOf } from "../../domain/base-images.ts";
import type { SourceFolder } from "./source-folder.ts";

type Runtime = "node" | "bun" | "python";
const files: Record<Runtime, readonly string[]> = {
  node: [".nvmrc", ".node-version"],
  bun: [".bun-version"],
  python: [".python-version", "runtime.txt"],
};
const names: Record<Runtime, string> = { node: "Node", bun: "Bun", python: "Python" };

/** Says so where the source asks for a version of the runtime that the base image is not. */
export const runtimeVersionWarnings = async (
  source: SourceFolder,
  runtime: Runtime,
  engines: Record<string, string>,
): Promise<string[]> => {
  const { version } = baseImageOf(runtime);
  const asked: [where: string, text: string][] = [];
  for (const file of files[runtime]) {
    const text = (await source.head(file, 200))?.trim().split("\n")[0]?.trim();
    if (text) asked.push([file, text]);
  }
  const range = engines[runtime];
  if (range) asked.push([`engines.${runtime}`, range]);
  return asked
    .filter(([, text]) => !mayBe(version, text))
    .map(
      ([where, text]) =>
        `${where} asks for ${names[runtime]} ${text.slice(0, 60)}; the app gets ${names[runtime]} ${version}, bring a Dockerfile for another`,
    );
};

/** Whether some release of `version` (`22`, `3.11`) can be what `text` asks for. Names such as `lts/*` may be any. */
const mayBe = (version: string, text: string): boolean => {
  const range = text.replace(/^(?:v|python-)(?=\d)/, "");
  if (!/\d/.test(range)) return true;
  const parts = version.split(".");
  const exact = /^\d+(?:\.\d+)*(?=$|[^\d.])/.exec(range)?.[0].split(".");
  if (exact && exact.length > 0 && /^\d+(?:\.\d+)*$/.test(range)) {
    const count = Math.min(parts.length, exact.length);
    return parts.slice(0, count).join(".") === exact.slice(0, count).join(".");
  }
  const lowest = [...parts, "0", "0"].slice(0, 3).join(".");
  const highest = [...parts, "999", "999"].slice(0, 3).join(".");
  return (
    Bun.semver.satisfies(lowest, range) ||
    Bun.semver.satisfies(highest, range) ||
    // a range inside the series: ^22.3, 22.1.x
    new RegExp(`(?:^|[\\s|^~=v])${version.replaceAll(".", "\\.")}\\.`).test(range)
  );
};
