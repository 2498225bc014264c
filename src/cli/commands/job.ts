import { setTimeout as sleep } from "node:timers/promises";
import type { JobView } from "../../domain/job.ts";
import { commandText, isOpen, type RunView } from "../../domain/run.ts";
import type { Client } from "../client.ts";
import { defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { duration, facts, localTime, plain, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const statusWords: Record<RunView["status"], string> = {
  queued: "waiting",
  running: "running",
  succeeded: "done",
  failed: "failed",
  timed_out: "timed out",
  cancelled: "ended early",
  skipped: "left out",
  lost: "lost",
};

const overlapWords: Record<JobView["overlap"], string> = {
  skip: "its next time is left out (skip)",
  queue: "one more run waits (queue)",
  replace: "the run is ended for the new one (replace)",
  allow: "both run (allow)",
};
const missedWords: Record<JobView["missed"], string> = {
  skip: "left out (skip)",
  run: "made up for by one run (run)",
};

const statusText = (run: { status: RunView["status"]; exitCode: number | null }): string =>
  `${statusWords[run.status]}${run.exitCode ? ` (${run.exitCode})` : ""}`;

const jobText = (job: JobView): string =>
  facts([
    ["name", job.name],
    ["schedule", `${job.schedule} (${job.timeZone})`],
    ["command", commandText(job.command)],
    ["next run", job.enabled ? localTime(job.nextRunAt) : "none: it is switched off"],
    ["ended after", duration(job.timeoutSeconds * 1000)],
    ["while it runs", overlapWords[job.overlap]],
    ["missed times", missedWords[job.missed]],
  ]);

const jobPath = (slug: string, name: string, rest: string, environment: string | undefined): string =>
  sitePath(slug, `/jobs/${encodeURIComponent(name)}${rest}`, { environment });

const fields = {
  schedule: { type: "string" },
  "time-zone": { type: "string" },
  timeout: { type: "string" },
  overlap: { type: "string" },
  missed: { type: "string" },
} as const;

/** What is allowed in each is the server's to say. */
const fieldsOf = (
  flags: { schedule?: string; "time-zone"?: string; timeout?: string; overlap?: string; missed?: string },
  command: string[],
) => ({
  schedule: flags.schedule,
  timeZone: flags["time-zone"],
  timeoutSeconds: wholeFlag("timeout", flags.timeout),
  overlap: flags.overlap,
  missed: flags.missed,
  ...(command.length > 0 && { command }),
});

export const jobList = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/jobs", { environment });
    const answer = await (await client()).get<{ items: JobView[] }>(path);
    print(answer, () =>
      answer.items.length === 0
        ? "No jobs.\n"
        : table([
            ["JOB", "SCHEDULE", "NEXT", "LAST RUN", "COMMAND"],
            ...answer.items.map((job) => [
              job.name,
              `${job.schedule} ${job.timeZone}`,
              job.enabled ? localTime(job.nextRunAt) : "off",
              job.lastRun ? `${statusText(job.lastRun)}, ${localTime(job.lastRun.at)}` : "-",
              commandText(job.command).slice(0, 60),
            ]),
          ]),
    );
  },
});

export const jobAdd = defineCommand({
  options: { ...fields, disabled: { type: "boolean" } },
  words: [2, 200],
  run: async ({ client, print }, [slug, name, ...command], { disabled, environment, ...flags }) => {
    if (flags.schedule === undefined)
      throw new UsageError('--schedule is missing, such as --schedule "30 3 * * *" or --schedule @daily');
    if (command.length === 0)
      throw new UsageError("the command is missing; it comes last, such as -- node tidy.js");
    const job = await (
      await client()
    ).send<JobView>("POST", sitePath(slug!, "/jobs", { environment }), {
      name,
      ...fieldsOf(flags, command),
      ...(disabled && { enabled: false }),
    });
    print(job, () => jobText(job));
  },
});

export const jobChange = defineCommand({
  options: { ...fields, enabled: { type: "boolean" }, name: { type: "string" } },
  words: [2, 200],
  run: async ({ client, print }, [slug, name, ...command], { enabled, environment, ...flags }) => {
    const job = await (
      await client()
    ).send<JobView>("PATCH", jobPath(slug!, name!, "", environment), {
      ...fieldsOf(flags, command),
      enabled,
      name: flags.name,
    });
    print(job, () => jobText(job));
  },
});

export const jobRemove = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { environment }) => {
    const answer = await (await client()).send("DELETE", jobPath(slug!, name!, "", environment));
    print(answer, () => `Job ${name} is removed\n`);
  },
});

const waitFor = async (client: Client, path: string, id: string, signal: AbortSignal): Promise<RunView> => {
  for (;;) {
    const { items } = await client.get<{ items: RunView[] }>(path);
    const run = items.find((one) => one.id === id);
    if (run && !isOpen(run.status)) return run;
    await sleep(500, undefined, { signal });
  }
};

export const jobRun = defineCommand({
  options: { wait: { type: "boolean" } },
  words: [2, 2],
  run: async ({ client, print, io }, [slug, name], { wait, environment }) => {
    const api = await client();
    let run = await api.send<RunView>("POST", jobPath(slug!, name!, "/run", environment));
    if (wait && isOpen(run.status))
      run = await waitFor(api, jobPath(slug!, name!, "/runs", environment), run.id, io.signal);
    print(run, () => {
      const said = run.reason === null ? "" : `: ${run.reason}`;
      return `${run.output === null ? "" : plainLines(run.output)}${name} ${statusText(run)}${said}\n`;
    });
    return ["queued", "running", "succeeded"].includes(run.status) ? 0 : 1;
  },
});

const plainLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => plain(line))
    .join("\n");

export const jobStop = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { environment }) => {
    const answer = await (await client()).send("POST", jobPath(slug!, name!, "/stop", environment));
    print(answer, () => `${name} is being ended\n`);
  },
});

export const jobRuns = defineCommand({
  options: { limit: { type: "string" }, before: { type: "string" }, output: { type: "boolean" } },
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { limit, before, output, environment }) => {
    const path = sitePath(slug!, `/jobs/${encodeURIComponent(name!)}/runs`, {
      environment,
      before,
      limit: wholeFlag("limit", limit),
    });
    const answer = await (await client()).get<{ items: RunView[]; next: string | null }>(path);
    const row = (run: RunView): string[] => [
      run.id,
      statusText(run),
      localTime(run.startedAt ?? run.createdAt, true),
      duration(run.durationMs),
      run.askedBy,
      run.reason ?? "",
    ];
    print(answer, () => {
      if (answer.items.length === 0) return "No runs yet.\n";
      const head = ["RUN", "STATUS", "AT", "TOOK", "BY", "REASON"];
      if (!output) return table([head, ...answer.items.map(row)]);
      return answer.items
        .map((run) => `${table([head, row(run)])}${plainLines(run.output ?? "")}\n`)
        .join("\n");
    });
  },
});
