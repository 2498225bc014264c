import { isTerminal } from "../../domain/deployment.ts";
import { tookMs } from "../../domain/deployment-view.ts";
import type { DeploymentSummary } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { duration, localTime, table } from "../text.ts";

const source = (deployment: DeploymentSummary): string => {
  if (deployment.commit)
    return `${deployment.commit.hash.slice(0, 10)} ${deployment.commit.message.split("\n")[0]!.slice(0, 50)}`;
  if (deployment.trigger === "rollback" && deployment.release !== null)
    return `back to #${deployment.release}`;
  return deployment.image ?? deployment.branch ?? "";
};

const spent = (deployment: DeploymentSummary): string => {
  const took = duration(tookMs(deployment, Date.now()));
  return isTerminal(deployment.status) || deployment.startedAt === null ? took : `${took} so far`;
};

export const deployments = defineCommand({
  options: { limit: { type: "string" }, before: { type: "string" } },
  words: [1, 1],
  run: async ({ client, print, io }, [slug], { limit, before, environment }) => {
    const query = { limit: wholeFlag("limit", limit), before, environment };
    const answer = await (
      await client()
    ).get<{ items: DeploymentSummary[]; next: string | null }>(sitePath(slug!, "/deployments", query));
    print(answer, () => {
      if (answer.items.length === 0) return "No deployments yet.\n";
      const rows = answer.items.map((one) => [
        one.id,
        one.status,
        one.release === null ? "-" : `#${one.release}`,
        one.trigger,
        localTime(one.createdAt),
        spent(one),
        one.error ? one.error.message.slice(0, 80) : source(one),
      ]);
      if (answer.next !== null) io.err(`More: croft deployments ${slug} --before ${answer.next}\n`);
      return table([["DEPLOYMENT", "STATUS", "RELEASE", "BY", "AT", "TOOK", "WHAT"], ...rows]);
    });
  },
});
