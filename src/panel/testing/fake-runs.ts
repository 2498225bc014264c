import type { JobView } from "../../domain/job.ts";
import type { RunView } from "../../domain/run.ts";
import { conflict, notFound } from "../../errors.ts";
import type { RunPanelDeps } from "../run-deps.ts";

const minute = 60_000;
const hour = 60 * minute;

const fakeJob = (nowMs: number, fields: Partial<JobView>): JobView => ({
  name: "tidy",
  schedule: "30 3 * * *",
  timeZone: "Europe/Berlin",
  command: ["node", "tidy.js", "--all bikes"],
  timeoutSeconds: 3600,
  overlap: "skip",
  missed: "skip",
  enabled: true,
  nextRunAt: new Date(nowMs + 9 * hour).toISOString(),
  lastRun: null,
  createdAt: new Date(nowMs - 90 * hour).toISOString(),
  updatedAt: new Date(nowMs - 90 * hour).toISOString(),
  ...fields,
});

export const fakeRun = (nowMs: number, fields: Partial<RunView>): RunView => ({
  id: "run_1",
  kind: "job",
  job: "tidy",
  command: ["node", "tidy.js"],
  status: "succeeded",
  askedBy: "schedule",
  inReplica: false,
  release: "31",
  dueAt: null,
  createdAt: new Date(nowMs - 2 * hour).toISOString(),
  startedAt: new Date(nowMs - 2 * hour).toISOString(),
  endedAt: new Date(nowMs - 2 * hour + 4_200).toISOString(),
  durationMs: 4_200,
  exitCode: 0,
  oomKilled: false,
  reason: null,
  output: "3 old bookings removed\n\u001b[32mdone\u001b[0m\n",
  ...fields,
});

/** Made-up jobs and commands of the site bike-kitchen. */
export const fakeRunDeps = (
  nowMs: number,
  called: (verb: string, ...args: unknown[]) => void,
): RunPanelDeps => {
  const jobs = [
    fakeJob(nowMs, {
      lastRun: {
        id: "run_1",
        status: "succeeded",
        at: new Date(nowMs - 2 * hour).toISOString(),
        exitCode: 0,
        reason: null,
      },
    }),
    fakeJob(nowMs, {
      name: "send-reminders",
      schedule: "*/10 8-18 * * 1-5",
      command: ["/bin/sh", "-c", "node remind.js | tee -a /data/<sent>.log"],
      lastRun: {
        id: "run_2",
        status: "failed",
        at: new Date(nowMs - 4 * minute).toISOString(),
        exitCode: 1,
        reason: null,
      },
    }),
    fakeJob(nowMs, { name: "yearly", schedule: "@yearly", timeZone: "UTC", enabled: false, nextRunAt: null }),
  ];
  const of = (slug: string): JobView[] => (slug === "bike-kitchen" ? jobs : []);
  const find = (slug: string, name: string): JobView => {
    const job = of(slug).find((one) => one.name === name);
    if (!job) throw notFound(`job ${name} of site ${slug}`);
    return job;
  };
  return {
    listJobs: async (_, slug) => of(slug),
    getJob: async (_, slug, name) => find(slug, name),
    addJob: async (_, slug, input) => {
      called("addJob", slug, input);
      if (of(slug).some(({ name }) => name === input.name)) throw conflict(`name: ${input.name} is taken`);
      return fakeJob(nowMs, input);
    },
    changeJob: async (_, slug, name, patch) => {
      called("changeJob", slug, name, patch);
      return { ...find(slug, name), ...patch };
    },
    removeJob: async (_, slug, name) => called("removeJob", slug, name),
    runJob: async (_, slug, name) => {
      called("runJob", slug, name);
      return fakeRun(nowMs, { status: "queued" });
    },
    stopJob: async (_, slug, name) => {
      called("stopJob", slug, name);
      throw conflict(`no run of ${name} is under way`);
    },
    jobRuns: async () => ({
      items: [
        fakeRun(nowMs, {
          id: "run_9",
          status: "running",
          endedAt: null,
          durationMs: null,
          exitCode: null,
          output: "begun\n",
        }),
        fakeRun(nowMs, {
          id: "run_8",
          status: "failed",
          exitCode: 137,
          oomKilled: true,
          reason: "it used more memory than it may",
        }),
        fakeRun(nowMs, {
          id: "run_7",
          status: "skipped",
          reason: "the run before was still under way",
          startedAt: null,
          durationMs: null,
          exitCode: null,
          output: null,
        }),
        fakeRun(nowMs, {}),
      ],
      next: "run_1",
    }),
    commandHistory: async (_, slug) => ({
      items:
        slug === "bike-kitchen"
          ? [
              fakeRun(nowMs, { id: "run_t", kind: "terminal", job: null, askedBy: "ada", output: null }),
              fakeRun(nowMs, {
                id: "run_e",
                kind: "exec",
                job: null,
                askedBy: "lin",
                command: ["sh", "-c", "node migrate.js && echo '<done>'"],
                status: "cancelled",
                reason: "the connection was closed",
                inReplica: true,
                output: null,
              }),
            ]
          : [],
      next: null,
    }),
    runCommand: async (_, slug, { command, inReplica }) => {
      called("runCommand", slug, command, inReplica);
      return {
        run: "run_f",
        status: "failed",
        exitCode: 3,
        oomKilled: false,
        reason: null,
        output: "<b>first</b>\nsecond\n",
      };
    },
  };
};
