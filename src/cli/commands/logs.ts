import { setTimeout as sleep } from "node:timers/promises";
import type { LogLineView } from "../../domain/views.ts";
import type { Client } from "../client.ts";
import { type Context, defineCommand } from "../command.ts";
import { followDeployment } from "../follow-deployment.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { plain } from "../text.ts";
import { UsageError } from "../usage-error.ts";

/** Until the person stops it; a connection that ends is opened again. */
const followSite = async ({ io }: Context, client: Client, path: string): Promise<void> => {
  for (;;) {
    let received = false;
    for await (const { event, data } of client.events(path, null)) {
      received = true;
      if (event === "log") io.out(`${plain((JSON.parse(data) as { line: string }).line)}\n`);
    }
    io.err(received ? "croft: the log ended; waiting for more\n" : "");
    await sleep(2000, undefined, { signal: io.signal });
  }
};

const deploymentLines = async (client: Client, path: string): Promise<LogLineView[]> => {
  const lines: LogLineView[] = [];
  for (;;) {
    const after = lines.at(-1)?.seq ?? 0;
    const { items } = await client.get<{ items: LogLineView[] }>(`${path}?after=${after}`);
    if (items.length === 0) return lines;
    lines.push(...items);
  }
};

export const logs = defineCommand({
  options: {
    follow: { type: "boolean", short: "f" },
    lines: { type: "string" },
    deployment: { type: "string" },
  },
  words: [1, 1],
  run: async (context, [slug], { follow, lines, deployment, environment }) => {
    if (follow && context.json)
      throw new UsageError("--follow never ends, so it cannot print one JSON document");
    const client = await context.client();
    if (deployment !== undefined) {
      if (follow) {
        await followDeployment(context, client, deployment, { patient: true });
        return;
      }
      const items = await deploymentLines(client, `/deployments/${encodeURIComponent(deployment)}/logs`);
      context.print({ items }, () =>
        items.map((line) => `${line.source.padEnd(12)} ${plain(line.message)}\n`).join(""),
      );
      return;
    }
    const path = sitePath(slug!, "/logs", { environment, lines: wholeFlag("lines", lines) });
    if (follow) return followSite(context, client, path);
    const answer = await client.get<{ items: string[] }>(path);
    context.print(answer, () => answer.items.map((line) => `${plain(line)}\n`).join(""));
  },
});
