import { expect } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { JobView } from "../../domain/job.ts";
import type { RunView } from "../../domain/run.ts";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { type Tenant, tenantOf } from "./tenant.ts";

/** An installation with a site that serves, its owner, and somebody else. */
export interface RunFixture {
  croft: TestCroft;
  owner: Tenant;
  stranger: Tenant;
  slug: string;
  /** Value of the site's secret variable TOKEN. It has a volume at /data, too. */
  canary: string;
  /** Runs a command to its end. @returns its lines of JSON */
  exec(body: object, token?: string): Promise<{ status: number; lines: Record<string, unknown>[] }>;
  lastRun(): Promise<RunView>;
  addJob(fields: object): Promise<JobView>;
  jobRuns(name: string): Promise<RunView[]>;
  untilRun(name: string, good: (run: RunView) => boolean): Promise<RunView[]>;
  /** Containers of commands and jobs. */
  helpers(): Promise<string[]>;
  noHelpers(): Promise<unknown>;
  terminalUrl(port: number, protocol?: "ws" | "wss"): string;
  database(options?: { readonly: boolean }): Database;
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export const runFixture = async (env: Record<string, string> = {}): Promise<RunFixture> => {
  const slug = uniqueSlug("runs");
  const canary = "canary-of-a-secret-variable";
  const croft = await startCroft(env);
  try {
    const owner = await tenantOf(croft, "olga");
    const stranger = await tenantOf(croft, "sven");
    await owner.createSite(slug);
    await owner.api("PUT", `/sites/${slug}/env`, { set: { TOKEN: canary }, secret: true });
    await owner.api("POST", `/sites/${slug}/volumes`, { name: "data", mountPath: "/data" });
    const { exitCode, output } = await owner.push(
      slug,
      nodeApp('require("node:http").createServer((q, s) => s.end("up")).listen(process.env.PORT);'),
    );
    expect(exitCode, output).toBe(0);

    const jobRuns = async (name: string): Promise<RunView[]> =>
      (await owner.api<{ items: RunView[] }>("GET", `/sites/${slug}/jobs/${name}/runs`)).body.items;
    const helpers = async (): Promise<string[]> =>
      (
        await docker(
          ...["ps", "-a", "--format", "{{.Names}}"],
          ...["--filter", `label=croft.site=${slug}`, "--filter", "label=croft.role=helper"],
        )
      )
        .split("\n")
        .filter(Boolean);
    return {
      croft,
      owner,
      stranger,
      slug,
      canary,
      exec: async (body, token = owner.token) => {
        const response = await fetch(`http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/exec`, {
          method: "POST",
          headers: { ...bearer(token), "content-type": "application/json" },
          body: JSON.stringify(body),
        });
        const lines = (await response.text()).split("\n").filter(Boolean);
        return { status: response.status, lines: lines.map((line) => JSON.parse(line)) };
      },
      lastRun: async () =>
        (await owner.api<{ items: RunView[] }>("GET", `/sites/${slug}/runs?limit=1`)).body.items[0]!,
      addJob: async (fields) => {
        const { status, body } = await owner.api<JobView>("POST", `/sites/${slug}/jobs`, {
          schedule: "0 0 1 1 *",
          ...fields,
        });
        expect(status, JSON.stringify(body)).toBe(201);
        return body;
      },
      jobRuns,
      untilRun: (name, good) =>
        until(
          `a run of ${name}`,
          () => jobRuns(name),
          (runs) => runs[0] !== undefined && good(runs[0]),
        ),
      helpers,
      noHelpers: () => until("no helper is left", helpers, (names) => names.length === 0),
      terminalUrl: (port, protocol = "ws") => `${protocol}://127.0.0.1:${port}/api/v1/sites/${slug}/terminal`,
      database: (options) => {
        const db = new Database(join(croft.dataDir, "croft.db"), options);
        db.run("PRAGMA busy_timeout = 5000");
        return db;
      },
    };
  } catch (error) {
    await croft.destroy();
    throw error;
  }
};
