import type { AppLogView } from "../../domain/app-log.ts";
import { guessLevel } from "../../domain/guess-level.ts";
import { defaultRetention } from "../../domain/retention.ts";
import { MB } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { AppError, invalid } from "../../errors.ts";
import { compileFilter } from "../../logs/filter.ts";
import type { PanelDeps } from "../deps.ts";
import { fakeNowMs } from "./fake-data.ts";
import type { FakeWorld } from "./fake-world.ts";

const lineOf = (text: string, atMs: number): Omit<AppLogView, "cursor"> => ({
  at: new Date(atMs).toISOString(),
  stream: "stdout",
  level: guessLevel(text),
  replica: "rep_1",
  release: 31,
  process: "web",
  text,
  cut: false,
});

/** As the API's events have it. */
export const fakeLiveLine = (line: string): object => {
  const { text: _, ...rest } = lineOf(line, Date.now());
  return { line, ...rest };
};

/** Logs and what is kept of them, made up. */
export const fakeLogs = (
  world: FakeWorld,
  site: (slug: string) => SiteView,
): Pick<PanelDeps, "appLog" | "logStorage" | "setLogStorage" | "retention" | "setRetention"> => ({
  appLog: async (_, slug, { search, limit = 200, cursor }) => {
    const { matches } = compileFilter({ search });
    const lines = site(slug).replicas.length === 0 ? [] : world.appLines;
    const items = lines
      .map((text, n) => ({ ...lineOf(text, fakeNowMs - (lines.length - n) * 3_600_000), cursor: `7.${n}` }))
      .filter((line) => matches({ ...line, atMs: Date.parse(line.at) }))
      .slice(-Number(limit));
    return { items, next: cursor ? null : "3.14", whole: true, end: "7.0", stored: true };
  },
  logStorage: async () => ({
    stored: true,
    usedBytes: 12.4 * MB,
    maxBytes: 100 * MB,
    days: 14,
    own: { maxBytes: null, days: 14 },
    oldestAt: new Date(fakeNowMs - 13 * 24 * 3_600_000).toISOString(),
  }),
  setLogStorage: async (_, slug, input) => {
    world.calls.push({ verb: "setLogStorage", args: [site(slug).slug, input] });
    if ((input.maxBytes ?? 0) > 100 * MB)
      throw invalid("maxBytes", "more than 100 MB is an operator's to give");
  },
  retention: async () => defaultRetention,
  setRetention: async (person, patch) => {
    if (!person.isAdmin) throw new AppError("forbidden", "operators only");
    world.calls.push({ verb: "setRetention", args: [patch] });
  },
});
