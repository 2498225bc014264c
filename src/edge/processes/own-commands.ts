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
  wantedNote,
} from "../control-parts.ts";
import { drainReplicas } from "../drain.ts";
import { heldByRoute } from "../hold.ts";
import { checkCertificates, takeChallenges, useCertificates, useTable, useTargets } from "../in-force.ts";
import { ownReading } from "../meter-reading.ts";
import { activeByReplica } from "../router.ts";
import { parseTableGently } from "../table-store.ts";
import { type ProcessState, retireRequest } from "./commands.ts";

/** Answers what another process asks, for this one alone. */
export const answerOwn = async (
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
    case "PUT /own/targets": {
      const parsed = targetChange.safeParse(await bodyOf(request));
      if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
      if (parsed.data.version === edge.router.version) useTargets(edge, parsed.data.targets);
      return Response.json({});
    }
    case "POST /own/wanted": {
      const parsed = wantedNote.safeParse(await bodyOf(request));
      if (!parsed.success) return refused(400, z.prettifyError(parsed.error));
      // Not passed on once more: two processes that each take the other for the lead would go on for ever.
      if (edge.wakeCalls.passOn === null) edge.wakeCalls.note(parsed.data.route);
      return Response.json({});
    }
    case "PUT /own/certificates": {
      const checked = checkCertificates(await bodyOf(request), edge);
      if (!("problem" in checked)) useCertificates(checked.book, deps);
      else if (!checked.isOld) return refused(422, checked.problem);
      return Response.json({});
    }
    case "PUT /own/challenges": {
      const problem = takeChallenges(await bodyOf(request), edge, memory);
      return problem === null ? Response.json({}) : refused(422, problem);
    }
    case "GET /own/meters":
      return ownReading(deps).then(jsonResponse, notStored);
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
