import { z } from "zod";
import { guardSettingsPatchSchema } from "../../domain/guard.ts";
import type { Guard } from "../../guard/guard.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";
import { operatorOnly } from "../auth.ts";

export interface GuardRoutesDeps {
  guard: Pick<Guard, "view" | "change" | "release">;
}

export const guardRoutes = ({ guard }: GuardRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/host/guard",
    scope: "admin",
    summary: "What the host guard sees, its thresholds, what it holds now and did lately; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return guard.view();
    },
  }),
  apiRoute({
    method: "patch",
    path: "/host/guard",
    scope: "admin",
    summary: "Change the host guard's thresholds; null: by the machine's size; operator only",
    body: guardSettingsPatchSchema,
    handle: async ({ actor, body }) => {
      operatorOnly(actor);
      await guard.change(actor, body);
      return guard.view();
    },
  }),
  apiRoute({
    method: "post",
    path: "/host/guard/release",
    scope: "admin",
    summary: "Undo what the host guard holds of a site, and leave it alone for ten minutes; operator only",
    body: z.strictObject({ site: z.string() }),
    handle: async ({ actor, body }) => {
      operatorOnly(actor);
      await guard.release(actor, body.site);
      return guard.view();
    },
  }),
];
