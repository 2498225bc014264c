import type { ImageFacts } from "../../domain/engine.ts";
import { AppError } from "../../errors.ts";
import { expandName, readArg, type FromArgs } from "./dockerfile-args.ts";
import { parseDockerfile, refusedAt, wordsOf, type Instruction } from "./dockerfile-parser.ts";
import { familiarName, whyNotExternal } from "./image-name.ts";
import { checkSources } from "./instruction-sources.ts";

export interface DockerfileFacts {
  /** Names of all images that the build takes from outside, each once: pull and `checkBaseImage` them first. */
  externalImages: string[];
  /** TCP ports that the last stage exposes, in order. */
  exposedPorts: number[];
}

/** Each is made anew for each container of the build; as many as a replica may have. */
const maxVolumes = 32;

interface Stage {
  name: string | null;
  ports: number[];
}

/**
 * What a repository's Dockerfile may reach: images by their public name and its own earlier stages. Everything
 * that would let a build read other sites' images, or make Docker itself fetch an address from inside the host's
 * network (`ADD http://…` is fetched by the Docker daemon whatever the build's network is), is refused.
 * @throws AppError `deploy_failed` naming the line
 */
export const checkDockerfile = (text: string): DockerfileFacts => {
  const args: FromArgs = new Map();
  const stages: Stage[] = [];
  const external = new Set<string>();
  let volumes = 0;

  const useImage = (name: string, line: number) => {
    const reason = whyNotExternal(name);
    if (reason !== null) throw refusedAt(line, reason);
    external.add(name);
  };

  for (const instruction of parseDockerfile(text)) {
    const { keyword, line, rest } = instruction;
    const stage = stages.at(-1);
    if (keyword === "from") {
      stages.push(startStage(instruction, args, stages, useImage));
    } else if (stage === undefined) {
      if (keyword !== "arg")
        throw refusedAt(line, `${keyword.toUpperCase()} before the first FROM; only ARG may stand there`);
      readArg(instruction, args);
    } else if (keyword === "onbuild") {
      throw refusedAt(line, "ONBUILD is not allowed: an app's image is not built upon");
    } else if (keyword === "expose") {
      stage.ports.push(...portsOf(wordsOf(instruction)));
    } else if (keyword === "volume") {
      volumes += wordsOf(instruction).length;
      if (volumes > maxVolumes) throw refusedAt(line, `more than ${maxVolumes} volumes (VOLUME)`);
    } else if (keyword === "label" && /croft\./i.test(rest.replace(/["'\\]/g, ""))) {
      // for the clear message only: the engine adds its own labels last
      throw refusedAt(line, "LABEL: names that start with croft. are Croft's own");
    } else {
      checkSources(instruction, (name) => {
        if (!isStage(name, stages.slice(0, -1))) useImage(name, line);
      });
    }
  }
  const last = stages.at(-1);
  if (last === undefined) throw refusedAt(1, "there is no FROM");
  return { externalImages: [...external], exposedPorts: [...new Set(last.ports)] };
};

const startStage = (
  instruction: Instruction,
  args: FromArgs,
  stages: Stage[],
  useImage: (name: string, line: number) => void,
): Stage => {
  const { line } = instruction;
  const [image = "", as, name, ...more] = wordsOf(instruction);
  if (
    image === "" ||
    more.length > 0 ||
    (as !== undefined && (as.toLowerCase() !== "as" || name === undefined))
  )
    throw refusedAt(line, "FROM must be: FROM image, or FROM image AS name");
  if (name !== undefined && !/^[a-z][a-z0-9_.-]*$/i.test(name))
    throw refusedAt(line, `${JSON.stringify(name)} is not a stage name: letters, digits, - _ and . only`);
  const base = expandName(image, args, line);
  const parent = stages.findLast((stage) => stage.name === base.toLowerCase());
  if (parent === undefined && base !== "scratch") useImage(base, line);
  return { name: name?.toLowerCase() ?? null, ports: [...(parent?.ports ?? [])] };
};

/** By name or by index, as COPY --from resolves it; only stages that end before this one begins. */
const isStage = (from: string, earlier: Stage[]): boolean =>
  /^(?:0|[1-9]\d{0,5})$/.test(from)
    ? Number(from) < earlier.length
    : earlier.some((stage) => stage.name === from.toLowerCase());

/** `8080`, `8080/tcp`, `3000-3002`; UDP and variables are passed over. */
const portsOf = (words: string[]): number[] =>
  words.flatMap((word) => {
    const [, low = "", high = low] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/tcp)?$/i.exec(word) ?? [];
    const first = Number(low);
    const count = Math.min(Number(high) - first + 1, 100);
    return low === "" || first < 1 || count < 1
      ? []
      : Array.from({ length: count }, (_, i) => first + i).filter((port) => port <= 65_535);
  });

/** What decides whether a local image may be built upon. */
export type BaseImageFacts = Pick<ImageFacts, "repoTags" | "repoDigests" | "labels" | "onBuild">;

/**
 * Checks an image that a Dockerfile takes from outside, after it was pulled and inspected by `ref`: the engine must
 * have found it by that very name and not by an id that begins like it, it must not be one that Croft built for a
 * site, and its ONBUILD triggers, which run inside the tenant's build, are held to the Dockerfile's own policy.
 * @throws AppError `deploy_failed` naming the image
 */
export const checkBaseImage = (facts: BaseImageFacts, ref: string): void => {
  const refuse = (reason: string, cause?: unknown) =>
    new AppError("deploy_failed", `base image ${ref}: ${reason}`, { cause });
  const reason = whyNotExternal(ref);
  if (reason !== null) throw refuse(reason);
  const wanted = familiarName(ref);
  const names = [...facts.repoTags, ...facts.repoDigests].map(familiarName);
  if (!names.includes(wanted)) throw refuse("no image on this server has that name");
  if ("croft.managed" in facts.labels || "croft.site" in facts.labels)
    throw refuse("belongs to a site and cannot be built upon");
  for (const trigger of facts.onBuild) {
    try {
      checkTrigger(trigger);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw refuse(`its ONBUILD trigger ${JSON.stringify(trigger.slice(0, 120))} is not allowed`, error);
    }
  }
};

const checkTrigger = (trigger: string): void => {
  const refuse = () => new AppError("deploy_failed", "ONBUILD reaches for another image");
  for (const instruction of parseDockerfile(trigger)) {
    if (instruction.keyword === "from" || instruction.keyword === "onbuild") throw refuse();
    checkSources(instruction, () => {
      throw refuse();
    });
  }
};
