import type { ProcessView } from "../../domain/process-view.ts";
import { parseBytes, formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { cores, localTime, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

interface Processes {
  items: ProcessView[];
}

const stateWords = {
  current: "",
  waiting: "comes with the next deployment",
  leaving: "goes with the next deployment",
};

const summary = (items: readonly ProcessView[]): string =>
  table([
    ["PROCESS", "REPLICAS", "MEMORY", "CPU", "PORT", "COMMAND"],
    ...items.map(({ name, replicas, limits, port, command, state }) => [
      name,
      `${replicas.running}/${replicas.wanted}`,
      formatBytes(limits.memoryBytes),
      cores(limits.cpuMillicores),
      port === null ? "-" : String(port),
      [command ?? "(the image's own)", stateWords[state]].filter(Boolean).join("; "),
    ]),
  ]) + "Memory and CPU are the limits of each replica.\n";

const replicas = (items: readonly ProcessView[]): string => {
  const rows = items.flatMap(({ items: own, limits }) =>
    own.map((one) => [
      one.process,
      one.id,
      one.state,
      one.release === null ? "-" : String(one.release),
      String(one.restarts),
      one.memoryBytes === null
        ? "-"
        : `${formatBytes(one.memoryBytes)} of ${formatBytes(limits.memoryBytes)}`,
      one.cpuPercent === null ? "-" : `${one.cpuPercent.toFixed(1)} %`,
      localTime(one.startedAt),
      one.reason?.split("\n")[0] ?? "",
    ]),
  );
  return rows.length === 0
    ? "Nothing runs.\n"
    : table([
        ["PROCESS", "REPLICA", "STATE", "RELEASE", "RESTARTS", "MEMORY", "CPU", "SINCE", "WHY"],
        ...rows,
      ]);
};

export const ps = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const answer = await (await client()).get<Processes>(sitePath(slug!, "/processes", { environment }));
    print(answer, () => `${summary(answer.items)}\n${replicas(answer.items)}`);
  },
});

/** `web=2 worker=1`. @throws UsageError */
const readScale = (words: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    words.map((word) => {
      const match = /^([^=]+)=(\d{1,4})$/.exec(word);
      if (!match) throw new UsageError(`${JSON.stringify(word)} is not PROCESS=NUMBER, such as web=2`);
      return [match[1]!, Number(match[2])];
    }),
  );

export const scale = defineCommand({
  options: {},
  words: [1, 20],
  run: async ({ client, print }, [slug, ...words], { environment }) => {
    const api = await client();
    const answer =
      words.length === 0
        ? await api.get<Processes>(sitePath(slug!, "/processes", { environment }))
        : await api.send<Processes>("PUT", sitePath(slug!, "/scale", { environment }), readScale(words));
    print(answer, () => summary(answer.items));
  },
});

/** @throws UsageError */
const sizeFlag = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const bytes = parseBytes(text);
  if (bytes === null) throw new UsageError(`--memory takes a size such as 256m, not ${JSON.stringify(text)}`);
  return bytes;
};

/** @throws UsageError */
const coresFlag = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d+(\.\d+)?$/.test(text))
    throw new UsageError(`--cpu takes cores such as 0.5, not ${JSON.stringify(text)}`);
  return Math.round(Number(text) * 1000);
};

export const processSet = defineCommand({
  options: {
    command: { type: "string" },
    port: { type: "string" },
    replicas: { type: "string" },
    memory: { type: "string" },
    cpu: { type: "string" },
    pids: { type: "string" },
  },
  words: [2, 2],
  run: async ({ client, print }, [slug, name], flags) => {
    const body = {
      command: flags.command,
      port: flags.port === "" ? null : wholeFlag("port", flags.port),
      replicas: wholeFlag("replicas", flags.replicas),
      memoryBytes: sizeFlag(flags.memory),
      cpuMillicores: coresFlag(flags.cpu),
      pids: wholeFlag("pids", flags.pids),
    };
    if (Object.values(body).every((value) => value === undefined))
      throw new UsageError("nothing to set was given");
    const path = sitePath(slug!, `/processes/${encodeURIComponent(name!)}`, {
      environment: flags.environment,
    });
    const process = await (await client()).send<ProcessView>("PUT", path, body);
    const later = body.command !== undefined || body.port !== undefined;
    print(
      process,
      () => summary([process]) + (later ? "Command and port come with the next deployment.\n" : ""),
    );
  },
});

export const processRemove = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { environment }) => {
    const path = sitePath(slug!, `/processes/${encodeURIComponent(name!)}`, { environment });
    const answer = await (await client()).send<Processes>("DELETE", path);
    print(
      answer,
      () =>
        `What was set of ${name} is taken back; unless the source names it, it ends with the next deployment\n`,
    );
  },
});
