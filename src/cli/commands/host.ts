import { formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { facts } from "../text.ts";

/** The parts of `GET /host` that are shown here. */
export interface HostAnswer {
  version: string;
  engine: {
    up: boolean;
    message: string | null;
    info: {
      version: string;
      cgroupVersion: number;
      storageDriver: string;
      backingFilesystem: string;
      builder: string;
      firewall: { holds: boolean; detail: string };
    } | null;
  };
  edge: {
    up: boolean;
    problem: string | null;
    health: { version: string; listening: string[]; processes: number; retired: number } | null;
  };
  cores: number;
  cpuPercent: number | null;
  memory: { usedBytes: number; totalBytes: number } | null;
  disk: { usedBytes: number; totalBytes: number } | null;
}

const share = (figures: { usedBytes: number; totalBytes: number } | null): string | null =>
  figures === null ? null : `${formatBytes(figures.usedBytes)} of ${formatBytes(figures.totalBytes)} used`;

const edgeText = ({ up, problem, health }: HostAnswer["edge"]): string => {
  if (!up) return problem === null ? "down" : `down: ${problem}`;
  if (health === null) return "up";
  const finishing = health.retired > 0 ? `, ${health.retired} finishing` : "";
  return `up, version ${health.version}, ${health.processes} process${health.processes === 1 ? "" : "es"}${finishing}`;
};

export const host = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const api = await client();
    const answer = await api.get<HostAnswer>("/host");
    const { engine, edge, cpuPercent, cores } = answer;
    print(answer, () =>
      facts([
        ["croft", `${answer.version} at ${api.url}`],
        [
          "engine",
          engine.up ? `Docker ${engine.info?.version ?? ""}` : `down: ${engine.message ?? "no answer"}`,
        ],
        ["storage", engine.info && `${engine.info.storageDriver} on ${engine.info.backingFilesystem}`],
        ["cgroup", engine.info && `v${engine.info.cgroupVersion}`],
        ["builder", engine.info?.builder],
        ["firewall", engine.info?.firewall.detail],
        ["edge", edgeText(edge)],
        ["listens on", edge.health?.listening.join(", ")],
        ["cpu", cpuPercent === null ? `${cores} cores` : `${cpuPercent.toFixed(0)} % of ${cores * 100} %`],
        ["memory", share(answer.memory)],
        ["disk", share(answer.disk)],
      ]),
    );
  },
});
