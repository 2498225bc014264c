import type { Actor } from "../../domain/actor.ts";
import { AppError } from "../../errors.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";

export interface HostRoutesDeps {
  host(): Promise<unknown>;
  listBackups(): Promise<unknown[]>;
  createBackup(actor: Actor): Promise<unknown>;
}

const operatorOnly = (actor: Actor): void => {
  if (actor.kind === "user" && !actor.isAdmin)
    throw new AppError("forbidden", "only the operator of this installation may do this");
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
];
