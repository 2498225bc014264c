import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { openJsonFile } from "../../src/docker/json-file-reader.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { silentLog } from "../../src/domain/log.ts";
import { createCollector } from "../../src/logs/collector.ts";
import { type LogStore, openLogStore } from "../../src/logs/log-store.ts";
import { readPage } from "../../src/logs/query.ts";
import { withCleanUp } from "./clean-ups.ts";
import { type Row, row, timed } from "./row.ts";

const containers = 100;
const watchedSeconds = 20;
const parts = 100;

/** What it costs to carry the output of many quiet containers into the store, and to look through much of it. */
export const logsBench = async (): Promise<Row[]> => {
  const dir = await mkdtemp("/var/tmp/croft-bench-logs-");
  return withCleanUp(
    () => rm(dir, { recursive: true, force: true }),
    async () => {
      const store = openLogStore({
        dir: join(dir, "store"),
        keep: async () => ({ maxBytes: 1 << 30, days: 14 }),
        log: silentLog,
      });
      return [await collectRow(dir, store), await searchRow(dir, store)];
    },
  );
};

const entry = (text: string): string =>
  `${JSON.stringify({ log: `${text}\n`, stream: "stdout", time: new Date().toISOString() })}\n`;

/** Files as Docker writes them; a line in each every ten seconds. */
const collectRow = async (dir: string, store: LogStore): Promise<Row> => {
  const folder = join(dir, "containers");
  mkdirSync(folder);
  const paths = Array.from({ length: containers }, (_, n) => join(folder, `c${n}-json.log`));
  for (const path of paths) writeFileSync(path, entry("listening"));
  const collector = createCollector({
    store,
    outputs: {
      readable: async () => true,
      containerOf: async () => null,
      open: (id, position) => openJsonFile(paths[Number(id)]!, position),
    },
    sources: async () =>
      paths.map((_, n) => ({
        replicaId: `rep_${n}`,
        containerId: String(n).padStart(12, "0"),
        environmentId: `env_${n}`,
        release: 1,
        process: "web",
        secretsOf: "",
      })),
    sourceOf: async () => null,
    secrets: async () => [],
    clock: systemClock,
    log: silentLog,
  });
  const life = new AbortController();
  const running = collector.start(life.signal);
  await Bun.sleep(2000);
  const cpu = (): number => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6;
  const before = cpu();
  for (let second = 0; second < watchedSeconds; second++) {
    for (let n = second % 10; n < containers; n += 10) appendFileSync(paths[n]!, entry(`GET /${second} 200`));
    await Bun.sleep(1000);
  }
  const percent = ((cpu() - before) / watchedSeconds) * 100;
  life.abort();
  await running;
  return row("logs/collect", {
    value: percent,
    unit: "% of a core",
    peer: "the bar: what the whole daemon may take while idle",
    peerValue: 2,
    note: `${containers} containers that print a line every 10 s, ${watchedSeconds} s; each line stored, with the writing of the lines itself`,
  });
};

/** A text that is nowhere, in 100 parts of a megabyte. */
const searchRow = async (dir: string, store: LogStore): Promise<Row> => {
  const log = await store.of("env_search");
  const plain = join(dir, "plain.log");
  for (let n = 0, part = 0; part < parts; n += 5000) {
    const lines = Array.from({ length: 5000 }, (_, i) => ({
      atMs: 1.7e12 + n + i,
      stream: "stdout" as const,
      level: "info" as const,
      replica: "rep_a",
      release: 1,
      process: "web",
      text: `order ${n + i} handled in ${(Math.random() * 900).toFixed(2)} ms, id ${Math.random().toString(36).slice(2)}`,
      cut: false,
    }));
    await log.append(lines, { rep_a: String(n) });
    appendFileSync(plain, lines.map((line) => `${line.text}\n`).join(""));
    part = log.segments().length;
  }
  for (let i = 0; i < 600 && log.segments().filter((one) => !one.closed).length > 1; i++) await Bun.sleep(50);
  const [bytes, count] = [await store.bytes("env_search"), log.segments().length];
  const ms = await timed(() =>
    readPage(store, "env_search", { order: "newest", limit: 100, search: "Nothing Like it" }),
  );
  const grepMs = await timed(
    () => Bun.spawn(["grep", "-iF", "nothing like it", plain], { stdout: "ignore" }).exited,
  );
  return row("logs/search", {
    value: ms,
    unit: "ms",
    peer: "grep -iF in the unpacked texts alone",
    peerValue: grepMs,
    note: `${count} MB of lines with all that is known of them, ${Math.round(bytes / 1e6)} MB packed; any case, not found`,
  });
};

if (import.meta.main) console.log(JSON.stringify(await logsBench(), null, 2));
