import { rmSync } from "node:fs";
import { z } from "zod";
import {
  bodyOf,
  type ControlDeps,
  drainRequest,
  jsonResponse,
  type Memory,
  notStored,
  refused,
  targetChange,
} from "./control-parts.ts";
import { drainReplicas } from "./drain.ts";
import { heldByRoute } from "./hold.ts";
import { checkCertificates, takeChallenges, useCertificates, useTable, useTargets } from "./in-force.ts";
import { createLoopWatch } from "./loop-watch.ts";
import { readingOfAll } from "./meter-reading.ts";
import { countsById, remaining } from "./processes/commands.ts";
import { answerOwn } from "./processes/own-commands.ts";
import type { Peers } from "./processes/peers.ts";
import { activeByReplica } from "./router.ts";
import { parseTableGently } from "./table-store.ts";

/**
 * Serves the contract of `domain/edge.ts` on a unix socket, and below `/own` what processes of an edge say to each
 * other; who may connect is the folder's permissions.
 */
export const serveControl = (path: string, deps: ControlDeps) => {
  rmSync(path, { force: true });
  const memory: Memory = {
    challenges: null,
    readings: 0,
    watch: createLoopWatch(),
    tables: Promise.resolve(),
  };
  const server = Bun.serve({
    unix: path,
    development: false,
    maxRequestBodySize: 256 * 1024 * 1024,
    fetch: (request, server) => {
      // Draining takes as long as its deadline says, longer than a silent connection may live.
      server.timeout(request, 0);
      return answer(request, deps, memory);
    },
  });
  return {
    server,
    reading: () => memory.readings > 0,
    /** Challenges as they were put to another process, unless others were put to this one meanwhile. */
    offerChallenges(body: unknown): void {
      if (memory.challenges === null && body != null) takeChallenges(body, deps.edge, memory);
    },
  };
};

const answer = async (request: Request, deps: ControlDeps, memory: Memory): Promise<Response> => {
  const path = new URL(request.url).pathname;
  const command = `${request.method} ${path}`;
  if (path.startsWith("/own/")) return answerOwn(command, request, deps, memory);
  if (command === "GET /health") return Response.json(await deps.health());
  // The daemon asks again, and then finds the present lead.
  if (!deps.isLead()) return refused(503, "another process has taken over");
  const { edge, peers } = deps;
  switch (command) {
    case "PUT /table": {
      const body = await bodyOf(request);
      // One after another: the disk must not get an earlier one last.
      const answered = memory.tables.then(() => putTable(body, deps));
      memory.tables = answered.catch(() => {});
      return answered;
    }
    case "PUT /targets":
      return putTargets(await bodyOf(request), deps);
    case "GET /wanted": {
      const ids = await edge.wakeCalls.next(wantedMs);
      const more = ids.length > 0 ? {} : await sumOver(peers, "/held", heldByRoute(edge));
      return Response.json([...ids, ...Object.keys(more)]);
    }
    case "PUT /certificates":
      return putCertificates(await bodyOf(request), deps);
    case "PUT /challenges": {
      const body = await bodyOf(request);
      const problem = takeChallenges(body, edge, memory);
      if (problem !== null) return refused(422, problem);
      await peers.tellAll({ method: "PUT", path: "/challenges", body });
      return Response.json({});
    }
    case "GET /meters":
      return readMeters(deps, memory);
    case "GET /active":
      return Response.json(await sumOver(peers, "/active", activeByReplica(edge.router)));
    case "GET /held":
      return Response.json(await sumOver(peers, "/held", heldByRoute(edge)));
    case "POST /drain": {
      const body = await bodyOf(request);
      const parsed = drainRequest.safeParse(body);
      if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
      const { replicaIds, deadlineMs } = parsed.data;
      const call = { method: "POST", path: "/drain", body } as const;
      const [own, others] = await Promise.all([
        drainReplicas(edge, replicaIds, deadlineMs),
        peers.askAll(remaining, { ...call, deadlineMs: deadlineMs + drainGraceMs }),
      ]);
      const sum = [...others.values()].reduce((sum, one) => sum + one.remaining, own);
      return Response.json({ remaining: sum });
    }
    case "POST /stop":
      await deps.stop();
      return Response.json({});
    default:
      return refused(404, `no such command: ${command}`);
  }
};

const drainGraceMs = 3_000;
/** How long the daemon waits for calls until it is told who waits all the same. */
const wantedMs = 5_000;

const putTable = async (body: unknown, { edge, store, peers }: ControlDeps): Promise<Response> => {
  const parsed = await parseTableGently(body);
  if ("problem" in parsed) return refused(400, parsed.problem);
  const { table } = parsed;
  const present = edge.router.version;
  if (table.version <= present)
    return refused(409, `version: table ${table.version} is not above the present ${present}`);
  try {
    // First on disk: a restart must never go back behind a table that was in force, and a process that starts now
    // reads it there.
    await store.save(table);
  } catch (error) {
    edge.log.error("the route table could not be stored", { error });
    return refused(507, `the route table could not be stored: ${(error as Error).message}`);
  }
  useTable(edge, table);
  await peers.tellAll({ method: "PUT", path: "/table", body: table });
  return Response.json({ version: table.version });
};

/** Not stored: a process that starts anew follows the last table, until the daemon tells it better. */
const putTargets = async (body: unknown, { edge, peers }: ControlDeps): Promise<Response> => {
  const parsed = targetChange.safeParse(body);
  if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
  const { version, targets } = parsed.data;
  if (version !== edge.router.version)
    return refused(409, `version: the table is ${edge.router.version} and not ${version}`);
  useTargets(edge, targets);
  // Whoever does not follow is told by the next table.
  await peers.askAll(z.object({}), { method: "PUT", path: "/targets", body });
  return Response.json({});
};

const putCertificates = async (body: unknown, deps: ControlDeps): Promise<Response> => {
  const { edge, certificates, peers } = deps;
  const checked = checkCertificates(body, edge);
  if ("problem" in checked) return refused(checked.isOld ? 409 : 422, checked.problem);
  const { set, book } = checked;
  try {
    certificates.save(set);
  } catch (error) {
    edge.log.error("the certificates could not be stored", { error });
    return refused(507, `the certificates could not be stored: ${(error as Error).message}`);
  }
  useCertificates(book, deps);
  await peers.tellAll({ method: "PUT", path: "/certificates", body: set });
  return Response.json({ version: set.version });
};

const readMeters = async (deps: ControlDeps, memory: Memory): Promise<Response> => {
  if (memory.readings === 0) deps.meters.fold();
  memory.readings++;
  try {
    return jsonResponse(await readingOfAll(deps));
  } catch (error) {
    return notStored(error);
  } finally {
    memory.readings--;
  }
};

const sumOver = async (
  peers: Peers,
  path: string,
  own: Record<string, number>,
): Promise<Record<string, number>> => {
  const answers = await peers.askAll(countsById, { method: "GET", path });
  for (const counts of answers.values())
    for (const [id, count] of Object.entries(counts)) own[id] = (own[id] ?? 0) + count;
  return own;
};
