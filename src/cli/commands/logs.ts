import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AppLogView } from "../../domain/app-log.ts";
import type { LogLineView } from "../../domain/views.ts";
import { ApiError, type Client } from "../client.ts";
import { type Context, defineCommand } from "../command.ts";
import { followDeployment } from "../follow-deployment.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { localTime, plain } from "../text.ts";
import { UsageError } from "../usage-error.ts";

type Query = Record<string, string | number | undefined>;

interface Page {
  items: string[];
  entries: AppLogView[];
  next: string | null;
  whole: boolean;
  stored: boolean;
}

const pageLines = 2000;

/** `2026-01-31 14:05:07  web  warning  text` */
const withTime = (line: Omit<AppLogView, "text" | "cursor">, text: string): string =>
  [localTime(line.at, true), line.process, line.level.padEnd(8), text].join("  ");

const marked = (text: string, cut: boolean | undefined): string => (cut ? `${text} … (cut)` : text);

const shown = (text: string, line: AppLogView | undefined, times: boolean): string => {
  const whole = marked(plain(text), line?.cut);
  return times && line ? withTime(line, whole) : whole;
};

/** Wrong for good: asking again would not help. */
const isFinal = (error: unknown): boolean =>
  !(error instanceof ApiError) || (error.status !== null && error.status < 500 && error.status !== 429);

/** Until the person stops it; a connection that ends, or a daemon that restarts, is taken up again where it ended. */
const followSite = async ({ io }: Context, client: Client, path: string, times: boolean): Promise<void> => {
  let place: string | null = null;
  let away = false;
  for (;;) {
    try {
      for await (const { id, event, data } of client.events(path, place)) {
        away = false;
        place = id ?? place;
        if (event !== "log") continue;
        const { line, ...rest } = JSON.parse(data) as AppLogView & { line: string };
        io.out(`${shown(line, rest, times)}\n`);
      }
    } catch (error) {
      if (place === null || isFinal(error)) throw error;
      if (!away) io.err("croft: the connection was lost; trying again, nothing is missed\n");
      away = true;
    }
    await sleep(1000, undefined, { signal: io.signal });
  }
};

/** So many of the newest lines that match, however far the search has to look back. */
const readPages = async (client: Client, slug: string, query: Query, limit: number): Promise<Page> => {
  const ask = (cursor?: string, left = limit): Promise<Page> =>
    client.get<Page>(sitePath(slug, "/logs", { ...query, limit: Math.min(left, pageLines), cursor }));
  const all = await ask();
  while (all.next !== null && all.items.length < limit) {
    const page = await ask(all.next, limit - all.items.length);
    all.items.unshift(...page.items);
    all.entries?.unshift(...page.entries);
    Object.assign(all, { next: page.next, whole: page.whole });
  }
  return all;
};

/** The file's name says its kind: `.ndjson` or `.jsonl` for JSON lines, `.gz` behind it for a packed one. */
const download = async (
  context: Context,
  client: Client,
  slug: string,
  query: Query,
  to: string,
): Promise<void> => {
  const zipped = to.endsWith(".gz");
  const format = /\.(?:ndjson|jsonl)(?:\.gz)?$/.test(to) ? "ndjson" : "text";
  const path = sitePath(slug, "/logs/download", { ...query, format, gzip: zipped ? "true" : undefined });
  const body = await client.download(path);
  const file = await open(resolve(context.io.cwd, to), "w", 0o600);
  let bytes = 0;
  try {
    for await (const piece of body) {
      await file.writeFile(piece);
      bytes += piece.length;
    }
  } finally {
    await file.close();
  }
  context.print({ file: to, bytes }, () => `${to}: ${bytes.toLocaleString("en")} bytes\n`);
};

const nothing = (slug: string, query: Query): string =>
  Object.values(query).some((value) => value !== undefined && value !== query.environment)
    ? "No line that is kept matches."
    : `${slug} has printed nothing yet. How a deployment went: croft logs ${slug} --deployment ID, of croft deployments ${slug}`;

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
    limit: { type: "string" },
    since: { type: "string" },
    until: { type: "string" },
    search: { type: "string" },
    "match-case": { type: "boolean" },
    level: { type: "string" },
    process: { type: "string" },
    release: { type: "string" },
    replica: { type: "string" },
    stream: { type: "string" },
    times: { type: "boolean" },
    download: { type: "string" },
    deployment: { type: "string" },
  },
  words: [1, 1],
  run: async (
    context,
    [slug],
    { follow, lines, limit, times = false, deployment, environment, ...flags },
  ) => {
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
    const {
      download: to,
      "match-case": exact,
      since,
      until,
      search,
      level,
      process,
      replica,
      release,
      stream,
    } = flags;
    const query: Query = {
      since,
      until,
      search,
      level,
      process,
      replica,
      stream,
      environment,
      release: wholeFlag("release", release),
      case: exact ? "exact" : undefined,
    };
    if (to !== undefined) {
      if (follow) throw new UsageError("--download takes what there is; it cannot --follow");
      return download(context, client, slug!, query, to);
    }
    const wanted = wholeFlag("limit", limit) ?? wholeFlag("lines", lines);
    if (follow)
      return followSite(context, client, sitePath(slug!, "/logs", { ...query, limit: wanted }), times);
    const page = await readPages(client, slug!, query, wanted ?? 200);
    if (page.items.length === 0 && !context.json) context.io.err(`${nothing(slug!, query)}\n`);
    context.print(page, () =>
      page.items.map((text, n) => `${shown(text, page.entries?.[n], times)}\n`).join(""),
    );
  },
});
