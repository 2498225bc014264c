import type { Housekeeping } from "../../housekeeping/housekeeping.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";
import { operatorOnly } from "../auth.ts";

export interface StorageRoutesDeps {
  housekeeping: Housekeeping;
}

export const storageRoutes = ({ housekeeping }: StorageRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/host/storage",
    scope: "admin",
    summary:
      "What takes disk space and what tidying up would give back, as counted last (counted anew when older than ten minutes); operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return housekeeping.view();
    },
  }),
  apiRoute({
    method: "post",
    path: "/host/storage/count",
    scope: "admin",
    summary: "Count what takes disk space now; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return housekeeping.count();
    },
  }),
  apiRoute({
    method: "post",
    path: "/host/storage/clean",
    scope: "admin",
    summary:
      "Remove layers of builds and images that nothing needs; never volumes, nor releases that are kept; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return housekeeping.clean(actor);
    },
  }),
];
