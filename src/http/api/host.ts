import type { Actor } from "../../domain/actor.ts";
import { notFound } from "../../errors.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";
import { operatorOnly } from "../auth.ts";

export interface HostRoutesDeps {
  host(): Promise<unknown>;
  listBackups(): Promise<unknown[]>;
  createBackup(actor: Actor): Promise<unknown>;
  verifyBackup(id: string): Promise<unknown>;
}

/** An id only: the feature also takes paths, which are for the host's own shell. */
const backupId = (text: string): string => {
  if (!/^bak_[0-9a-z]+$/.test(text)) throw notFound(`backup ${text}`);
  return text;
};

export const hostRoutes = (deps: HostRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/host",
    scope: "read",
    summary: "State of engine and edge, figures of the machine",
    handle: () => deps.host(),
  }),
  apiRoute({
    method: "get",
    path: "/backups",
    scope: "admin",
    summary: "Backups, newest first; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return { items: await deps.listBackups() };
    },
  }),
  apiRoute({
    method: "post",
    path: "/backups",
    scope: "admin",
    summary: "Make a backup now; operator only",
    status: 201,
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return deps.createBackup(actor);
    },
  }),
  apiRoute({
    method: "post",
    path: "/backups/:id/verify",
    scope: "admin",
    summary: "Read a backup back whole and check it; operator only",
    handle: async ({ actor, params }) => {
      operatorOnly(actor);
      return deps.verifyBackup(backupId(params.id!));
    },
  }),
];
