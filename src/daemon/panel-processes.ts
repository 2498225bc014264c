import type { PanelProcesses } from "../panel/deps.ts";
import { addLink, removeLink, showConnections } from "../sites/links.ts";
import { listProcesses, type ProcessDeps, removeProcess, scaleSite, setProcess } from "../sites/processes.ts";

/** What the page of processes needs. */
export const panelProcesses = (deps: ProcessDeps): PanelProcesses => ({
  list: (actor, slug) => listProcesses(deps, actor, slug),
  scale: async (actor, slug, counts) => void (await scaleSite(deps, actor, slug, counts)),
  set: async (actor, slug, name, settings) => void (await setProcess(deps, actor, slug, name, settings)),
  remove: (actor, slug, name) => removeProcess(deps, actor, slug, name),
  connections: (actor, slug) => showConnections(deps.sites, actor, slug),
  link: async (actor, slug, input) => void (await addLink(deps.sites, actor, slug, input)),
  unlink: (actor, slug, name) => removeLink(deps.sites, actor, slug, name),
});
