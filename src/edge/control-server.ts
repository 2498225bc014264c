import { rmSync } from "node:fs";
import { z } from "zod";
import type { EdgeHealth, RouteTable } from "../domain/edge.ts";
import { tellNews } from "./await-news.ts";
import { drainReplicas } from "./drain.ts";
import { heldByRoute, releaseHeld } from "./hold.ts";
import { createLoopWatch, type LoopWatch } from "./loop-watch.ts";
import type { MeterStore } from "./meter-store.ts";
import { ownReading, readingOfAll } from "./meter-reading.ts";
import { countsById, type ProcessState, remaining, retireRequest } from "./processes/commands.ts";
import type { Peers } from "./processes/peers.ts";
import { activeByReplica, swapTable } from "./router.ts";
import type { Edge } from "./state.ts";
import { parseTableGently, type TableStore } from "./table-store.ts";
import { bookOf, type CertificateBook, parseCertificateSet } from "./tls/certificate-set.ts";
import type { CertificateStore } from "./tls/certificate-store.ts";
import { parseChallenges } from "./tls/challenges.ts";

export interface ControlDeps {
  edge: Edge;
  store: TableStore;
  certificates: CertificateStore;
  /** The edge's certificates are other ones now. */
  certificatesChanged: () => void;
  meters: MeterStore;
  peers: Peers;
  /** Answered once whoever served before knows. */
  health: () => Promise<EdgeHealth>;
  state: () => Omit<ProcessState, "challenges">;
  /** Whether the daemon's commands are for this process to pass on. */
  isLead: () => boolean;
  /** Begins the end of the process, and of the others if it is the lead; returns once nothing listens any more. */
  stop: () => Promise<void>;
  /** Begins to leave the address to others. @returns false unless `lead` is the lead */
  retire: (lead: string, deadlineMs: number) => boolean;
}

/** What is kept between commands. */
interface Memory {
  challenges: unknown;
  /** Sums of meters being made: nothing may be folded meanwhile. */
  readings: number;
  watch: LoopWatch;
  /** Ends when the last table that was put is in force, or refused. */
  tables: Promise<unknown>;
}

const drainRequest = z.strictObject({
  replicaIds: z.array(z.string()),
  deadlineMs: z.number().min(0).max(3_600_000),
});

const refused = (status: number, error: string): Response => Response.json({ error }, { status });

/**
 * Serves the contract of `domain/edge.ts` on a unix socket, and below `/own` what processes of an edge say to each
 * other; who may connect is the folder's permissions.
 */
export const serveControl = (path: string, deps: ControlDeps, challenges: unknown) => {
  rmSync(path, { force: true });
  const memory: Memory = { challenges, readings: 0, watch: createLoopWatch(), tables: Promise.resolve() };
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
  return { server, reading: () => memory.readings > 0 };
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
    case "PUT /certificates":
      return putCertificates(await bodyOf(request), deps);
    case "PUT /challenges": {
      const body = await bodyOf(request);
      const problem = takeChallenges(body, edge, memory);
      if (problem !== null) return refused(422, problem);
      await peers.tellAll({ method: "PUT", path: "/challenges", body: JSON.stringify(body) });
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
      const call = { method: "POST", path: "/drain", body: JSON.stringify(body) } as const;
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

/** For this process alone. */
const answerOwn = async (
  command: string,
  request: Request,
  deps: ControlDeps,
  memory: Memory,
): Promise<Response> => {
  const { edge } = deps;
  switch (command) {
    case "GET /own/state":
      return Response.json({ ...deps.state(), challenges: memory.challenges } satisfies ProcessState);
    case "PUT /own/table": {
      const parsed = await parseTableGently(await bodyOf(request));
      if ("problem" in parsed) return refused(400, parsed.problem);
      useTable(edge, parsed.table);
      return Response.json({});
    }
    case "PUT /own/certificates": {
      const checked = checkCertificates(await bodyOf(request), edge);
      if ("problem" in checked) return refused(422, checked.problem);
      if (checked.set.version >= edge.certificates.version) useCertificates(checked.book, deps);
      return Response.json({});
    }
    case "PUT /own/challenges": {
      const problem = takeChallenges(await bodyOf(request), edge, memory);
      return problem === null ? Response.json({}) : refused(422, problem);
    }
    case "GET /own/meters":
      return jsonResponse(await ownReading({ ...deps, log: deps.edge.log }));
    case "GET /own/delay":
      return Response.json(memory.watch.read());
    case "GET /own/active":
      return Response.json(activeByReplica(edge.router));
    case "GET /own/held":
      return Response.json(heldByRoute(edge));
    case "POST /own/drain": {
      const parsed = drainRequest.safeParse(await bodyOf(request));
      if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
      const { replicaIds, deadlineMs } = parsed.data;
      return Response.json({ remaining: await drainReplicas(edge, replicaIds, deadlineMs) });
    }
    case "POST /own/retire": {
      const parsed = retireRequest.safeParse(await bodyOf(request));
      if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
      return deps.retire(parsed.data.lead, parsed.data.deadlineMs)
        ? Response.json({})
        : refused(409, "another process is the lead");
    }
    case "POST /own/stop":
      await deps.stop();
      return Response.json({});
    default:
      return refused(404, `no such command: ${command}`);
  }
};

const bodyOf = async (request: Request): Promise<unknown> => {
  try {
    return await request.json();
  } catch {
    return undefined;
  }
};

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
  await peers.tellAll({ method: "PUT", path: "/table", body: JSON.stringify(table) });
  return Response.json({ version: table.version });
};

/** Puts a table in force that is newer than the present one. */
export const useTable = (edge: Edge, table: RouteTable): void => {
  if (table.version <= edge.router.version) return;
  swapTable(edge.router, table, edge.now(), Date.now());
  releaseHeld(edge);
  tellNews(edge);
};

const checkCertificates = (body: unknown, edge: Edge) => {
  const parsed = parseCertificateSet(body);
  if ("problem" in parsed) return parsed;
  const made = bookOf(parsed.set, edge.certificates);
  return "problem" in made ? made : { set: parsed.set, book: made.book };
};

const useCertificates = (book: CertificateBook, { edge, certificatesChanged }: ControlDeps): void => {
  edge.certificates = book;
  certificatesChanged();
};

const putCertificates = async (body: unknown, deps: ControlDeps): Promise<Response> => {
  const { edge, certificates, peers } = deps;
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
  useCertificates(made.book, deps);
  await peers.tellAll({ method: "PUT", path: "/certificates", body: JSON.stringify(set) });
  return Response.json({ version: set.version });
};

/** @returns what is wrong with them, null when they are in force */
const takeChallenges = (body: unknown, edge: Edge, memory: Memory): string | null => {
  const parsed = parseChallenges(body);
  if ("problem" in parsed) return parsed.problem;
  edge.challenges = parsed.challenges;
  memory.challenges = body;
  return null;
};

const readMeters = async (deps: ControlDeps, memory: Memory): Promise<Response> => {
  if (memory.readings === 0) deps.meters.fold();
  memory.readings++;
  try {
    return jsonResponse(await readingOfAll({ ...deps, log: deps.edge.log }));
  } finally {
    memory.readings--;
  }
};

const jsonResponse = (text: string): Response =>
  new Response(text, { headers: { "Content-Type": "application/json" } });

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
