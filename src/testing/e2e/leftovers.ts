import { Database } from "bun:sqlite";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { docker, type TestCroft } from "./croft.ts";

const lines = (text: string): string[] => text.split("\n").filter(Boolean).sort();

/** A look into the daemon's database from outside, for what must hold whatever the API says. */
export const rowsOf = <T>(croft: TestCroft, query: string, ...values: string[]): T[] => {
  const db = new Database(join(croft.dataDir, "croft.db"), { readonly: true });
  try {
    return db.query(query).all(...values) as T[];
  } finally {
    db.close();
  }
};

/** Processes that work for this installation, other than the daemon and its edge. */
export const strangers = async (croft: TestCroft): Promise<string[]> => {
  const own = new Set([croft.daemonPid(), (await croft.edge()).pid, process.pid]);
  const found: string[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || own.has(Number(name))) continue;
    const command = await readFile(join("/proc", name, "cmdline"), "latin1").catch(() => "");
    const environment = await readFile(join("/proc", name, "environ"), "latin1").catch(() => "");
    if (command.includes(croft.dataDir) || environment.includes(`GIT_DIR=${croft.dataDir}`))
      found.push(command.replaceAll("\0", " "));
  }
  return found;
};

/**
 * What there is of a site in the engine and on disk beside what its rows call for; empty when all is as it should be.
 * @param buildMarker a word that only this site's build commands hold
 */
export const leftovers = async (croft: TestCroft, slug: string, buildMarker: string): Promise<string[]> => {
  const wrong: string[] = [];
  const compare = (what: string, present: string[], wanted: string[]): void => {
    if (present.join() !== wanted.toSorted().join())
      wrong.push(`${what}: ${present.join(", ") || "none"} instead of ${wanted.join(", ") || "none"}`);
  };
  const label = ["--filter", `label=croft.site=${slug}`];
  const replicas = rowsOf<{ id: string }>(
    croft,
    `SELECT replicas.id FROM replicas JOIN environments ON environments.id = environment_id
     JOIN sites ON sites.id = site_id WHERE slug = ? AND state <> 'removed'`,
    slug,
  );
  compare(
    "containers",
    lines(await docker("ps", "-a", "--format", "{{.Names}}", ...label)),
    replicas.map((row) => `croft-${row.id}`),
  );
  const [environment] = rowsOf<{ id: string }>(
    croft,
    "SELECT environments.id FROM environments JOIN sites ON sites.id = site_id WHERE slug = ?",
    slug,
  );
  const networks = lines(await docker("network", "ls", "--format", "{{.Name}}", ...label));
  compare("networks", networks, replicas.length > 0 ? [`croft-${environment!.id}`] : networks.slice(0, 1));
  const kept = rowsOf<{ id: string; tag: string | null }>(
    croft,
    "SELECT id, image_tag AS tag FROM releases WHERE environment_id = ? AND retired_at IS NULL",
    environment!.id,
  );
  const folders = await readdir(join(croft.dataDir, "static"));
  const releases = rowsOf<{ id: string }>(
    croft,
    "SELECT id FROM releases WHERE environment_id = ?",
    environment!.id,
  ).map((row) => row.id);
  compare(
    "static folders",
    folders.filter((name) => releases.includes(name)).sort(),
    kept.filter((row) => row.tag === null).map((row) => row.id),
  );
  const everKnown = new Set(rowsOf<{ id: string }>(croft, "SELECT id FROM releases").map((row) => row.id));
  compare(
    "static folders without a release",
    folders.filter((name) => !everKnown.has(name)),
    [],
  );
  compare(
    "image tags",
    lines(await docker("images", "--format", "{{.Repository}}:{{.Tag}}", `croft/${slug}`)),
    [...new Set(kept.flatMap((row) => row.tag ?? []))],
  );
  const builds = lines(await docker("ps", "-a", "--no-trunc", "--format", "{{.Command}}"));
  compare(
    "build containers",
    builds.filter((command) => command.includes(buildMarker)),
    [],
  );
  compare("work folders", await readdir(join(croft.dataDir, "work")).catch(() => []), []);
  compare("processes", await strangers(croft), []);
  return wrong;
};
