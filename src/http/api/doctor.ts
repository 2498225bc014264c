import type { Finding } from "../../doctor/finding.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";
import { operatorOnly } from "../auth.ts";

export interface DoctorRoutesDeps {
  examine(): Promise<Finding[]>;
}

export const doctorRoutes = (deps: DoctorRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/doctor",
    scope: "admin",
    summary:
      "What the host offers and lacks: items of check, state (ok, warn, fail), detail, mend; operator only",
    handle: async ({ actor }) => {
      operatorOnly(actor);
      return { items: await deps.examine() };
    },
  }),
];
