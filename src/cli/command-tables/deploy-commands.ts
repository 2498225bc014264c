import type { CommandEntry } from "../command-entry.ts";

/** Deployments, and what begins them. */
export const deployCommands: readonly CommandEntry[] = [
  {
    name: "deploy",
    usage: "SLUG [--dir PATH | --commit SHA | --branch B | --image REF] [--wait[=success|watch]]",
    summary: "deploy a folder, a commit, a branch or an image",
    load: async () => (await import("../commands/deploy.ts")).deploy,
  },
  {
    name: "plan",
    usage:
      "[--dir PATH] [--dockerfile] [--type T] [--root DIR] [--port N] [--build-command C] [--start-command C]",
    summary: "what would be built from a folder, and the generated Dockerfile",
    load: async () => (await import("../commands/plan.ts")).plan,
  },
  {
    name: "rollback",
    usage: "SLUG [--to RELEASE] [--wait[=success|watch]]",
    summary: "bring an earlier release back",
    load: async () => (await import("../commands/rollback.ts")).rollback,
  },
  {
    name: "deployments",
    usage: "SLUG [--limit N] [--before ID]",
    summary: "deployments of a site, newest first",
    load: async () => (await import("../commands/deployments.ts")).deployments,
  },
  {
    name: "cancel",
    usage: "DEPLOYMENT",
    summary: "cancel a deployment that has not switched yet",
    load: async () => (await import("../commands/cancel.ts")).cancel,
  },
  {
    name: "releases",
    usage: "SLUG",
    summary: "releases of a site that can be rolled back to",
    load: async () => (await import("../commands/releases.ts")).releases,
  },
  {
    name: "hook list",
    usage: "SLUG",
    summary: "webhooks of a site",
    load: async () => (await import("../commands/hook.ts")).hookList,
  },
  {
    name: "hook add",
    usage: "SLUG [--provider github]",
    summary: "make a webhook; its secret is shown once",
    load: async () => (await import("../commands/hook.ts")).hookAdd,
  },
  {
    name: "hook rotate",
    usage: "SLUG HOOK",
    summary: "give a webhook a new secret",
    load: async () => (await import("../commands/hook.ts")).hookRotate,
  },
  {
    name: "hook remove",
    usage: "SLUG HOOK",
    summary: "remove a webhook",
    load: async () => (await import("../commands/hook.ts")).hookRemove,
  },
  {
    name: "hook deliveries",
    usage: "SLUG HOOK",
    summary: "what a webhook received, and what came of it",
    load: async () => (await import("../commands/hook.ts")).hookDeliveries,
  },
];
