import { setTimeout as sleep } from "node:timers/promises";
import { type AccessLine, combinedLine } from "../../domain/access-log.ts";
import { formatBytes } from "../../domain/size.ts";
import type { AccessPage } from "../../requests/access-log.ts";
import { ApiError, type Client } from "../client.ts";
import { type Context, defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { localTime, plain } from "../text.ts";
import { UsageError } from "../usage-error.ts";

type Format = "text" | "combined" | "json";
const formats: readonly string[] = ["text", "combined", "json"] satisfies Format[];

/** `2026-01-31 14:05:07  200   12.3 ms  4.1 KB  192.0.2.0  GET /path` */
const textLine = (line: AccessLine): string => {
  const target = line.query === undefined ? line.path : `${line.path}?${line.query}`;
  const took = `${line.ms < 100 ? line.ms.toFixed(1) : Math.round(line.ms)} ms`;
  const parts = [
    localTime(line.time, true),
    String(line.status),
    took.padStart(9),
    formatBytes(line.bytesOut).padStart(9),
    line.address.padEnd(15),
    `${line.method} ${target}`,
    ...(line.referer === undefined ? [] : [`from ${line.referer}`]),
    ...(line.aborted ? ["(broken off)"] : []),
  ];
  return parts.join("  ");
};

const shown = (line: AccessLine, format: Format): string => {
  switch (format) {
    case "json":
      return JSON.stringify(line);
    case "combined":
      return combinedLine(line);
    case "text":
      return plain(textLine(line));
  }
};

const missing = (dropped: number): string =>
  dropped === 1 ? "one line is missing" : `${dropped} lines are missing`;

/** Wrong for good: asking again would not help. */
const isFinal = (error: unknown): boolean =>
  !(error instanceof ApiError) || (error.status !== null && error.status < 500 && error.status !== 429);

/** Until the person stops it; a connection that ends, or a daemon that restarts, is taken up again where it ended. */
const follow = async ({ io }: Context, client: Client, path: string, format: Format): Promise<void> => {
  let place: string | null = null;
  let away = false;
  for (;;) {
    try {
      for await (const { id, event, data } of client.events(path, place)) {
        away = false;
        place = id ?? place;
        if (event === "request") io.out(`${shown(JSON.parse(data) as AccessLine, format)}\n`);
        if (event === "dropped")
          io.err(
            `croft: ${missing((JSON.parse(data) as { dropped: number }).dropped)}: the disk did not take them\n`,
          );
      }
    } catch (error) {
      if (place === null || isFinal(error)) throw error;
      if (!away) io.err("croft: the connection was lost; trying again, nothing is missed\n");
      away = true;
    }
    await sleep(1000, undefined, { signal: io.signal });
  }
};

export const accessLog = defineCommand({
  options: {
    follow: { type: "boolean", short: "f" },
    format: { type: "string" },
    status: { type: "string" },
    path: { type: "string" },
    since: { type: "string" },
    limit: { type: "string" },
  },
  words: [1, 1],
  run: async (context, [slug], { follow: following, format = "text", environment, ...flags }) => {
    if (!formats.includes(format))
      throw new UsageError(`--format takes ${formats.join(", ")}, not ${JSON.stringify(format)}`);
    if (following && context.json)
      throw new UsageError("--follow never ends, so it cannot print one JSON document; use --format json");
    const { status, path, since } = flags;
    const limit = wholeFlag("limit", flags.limit);
    const client = await context.client();
    const query = { environment, status, path, since };
    if (following) {
      await follow(
        context,
        client,
        sitePath(slug!, "/access-log", { ...query, limit: limit ?? 10 }),
        format as Format,
      );
      return;
    }
    const page = await client.get<AccessPage>(sitePath(slug!, "/access-log", { ...query, limit }));
    context.print(page, () => page.items.map((line) => `${shown(line, format as Format)}\n`).join(""));
    if (page.dropped > 0) context.io.err(`croft: ${missing(page.dropped)}: the disk did not take them\n`);
    if (!page.whole) context.io.err("croft: the search ended early; give a time with --since\n");
  },
});
