import { rmSync } from "node:fs";
import { z } from "zod";
import type { EdgeHealth } from "../domain/edge.ts";
import { drainReplicas } from "./drain.ts";
import { heldByRoute, releaseHeld } from "./hold.ts";
import { meterJson, readingOf } from "./meter.ts";
import { activeByReplica, swapTable } from "./router.ts";
import type { Edge } from "./state.ts";
import { parseTable, type TableStore } from "./table-store.ts";
import { bookOf, parseCertificateSet } from "./tls/certificate-set.ts";
import type { CertificateStore } from "./tls/certificate-store.ts";
import { parseChallenges } from "./tls/challenges.ts";

interface Deps {
  edge: Edge;
  store: TableStore;
  certificates: CertificateStore;
  /** The edge's certificates are other ones now. */
  certificatesChanged: () => void;
  epoch: string;
  health: () => EdgeHealth;
  /** Begins the end of the process; returns once nothing listens any more. */
  stop: () => void;
}

const drainRequest = z.strictObject({
  replicaIds: z.array(z.string()),
  deadlineMs: z.number().min(0).max(3_600_000),
});

const refused = (status: number, error: string): Response => Response.json({ error }, { status });

/** Serves the contract of `domain/edge.ts` on a unix socket; who may connect is the folder's permissions. */
export const serveControl = (path: string, deps: Deps) => {
  rmSync(path, { force: true });
  return Bun.serve({
    unix: path,
    development: false,
    maxRequestBodySize: 256 * 1024 * 1024,
    fetch: (request, server) => {
      // Draining takes as long as its deadline says, longer than a silent connection may live.
      server.timeout(request, 0);
      return answer(request, deps);
    },
  });
};

const answer = async (request: Request, deps: Deps): Promise<Response> => {
  const { edge } = deps;
  const path = new URL(request.url).pathname;
  switch (`${request.method} ${path}`) {
    case "GET /health":
      return Response.json(deps.health());
    case "PUT /table":
      return putTable(await bodyOf(request), deps);
    case "PUT /certificates":
      return putCertificates(await bodyOf(request), deps);
    case "PUT /challenges": {
      const parsed = parseChallenges(await bodyOf(request));
      if ("problem" in parsed) return refused(422, parsed.problem);
      edge.challenges = parsed.challenges;
      return Response.json({});
    }
    case "GET /meters": {
      const meters: Record<string, ReturnType<typeof meterJson>> = {};
      for (const [id, meter] of edge.router.meters) meters[id] = meterJson(readingOf(meter));
      return Response.json({ epoch: deps.epoch, atMs: Date.now(), meters });
    }
    case "GET /active":
      return Response.json(activeByReplica(edge.router));
    case "GET /held":
      return Response.json(heldByRoute(edge));
    case "POST /drain": {
      const parsed = drainRequest.safeParse(await bodyOf(request));
      if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
      const remaining = await drainReplicas(edge, parsed.data.replicaIds, parsed.data.deadlineMs);
      return Response.json({ remaining });
    }
    case "POST /stop":
      deps.stop();
      return Response.json({});
    default:
      return refused(404, `no such command: ${request.method} ${path}`);
  }
};

const bodyOf = async (request: Request): Promise<unknown> => {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
};

const putTable = (body: unknown, { edge, store }: Deps): Response => {
  const parsed = parseTable(body);
  if ("problem" in parsed) return refused(400, parsed.problem);
  const { table } = parsed;
  const present = edge.router.version;
  if (table.version <= present)
    return refused(409, `version: table ${table.version} is not above the present ${present}`);
  try {
    // First on disk: a restart must never go back behind a table that was in force.
    store.save(table);
  } catch (error) {
    edge.log.error("the route table could not be stored", { error });
    return refused(507, `the route table could not be stored: ${(error as Error).message}`);
  }
  swapTable(edge.router, table, edge.now(), Date.now());
  releaseHeld(edge);
  return Response.json({ version: table.version });
};

const putCertificates = (body: unknown, { edge, certificates, certificatesChanged }: Deps): Response => {
  const parsed = parseCertificateSet(body);
  if ("problem" in parsed) return refused(422, parsed.problem);
  const { set } = parsed;
  const present = edge.certificates.version;
  if (set.version < present)
    return refused(409, `version: set ${set.version} is below the present ${present}`);
  const made = bookOf(set, edge.certificates);
  if ("problem" in made) return refused(422, made.problem);
  try {
    certificates.save(set);
  } catch (error) {
    edge.log.error("the certificates could not be stored", { error });
    return refused(507, `the certificates could not be stored: ${(error as Error).message}`);
  }
  edge.certificates = made.book;
  certificatesChanged();
  return Response.json({ version: set.version });
};
