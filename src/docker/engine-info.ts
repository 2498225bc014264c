import type { EngineInfo } from "../domain/engine.ts";
import type { BuildCgroups } from "./build-cgroup.ts";
import type { DockerClient } from "./client.ts";

/** What of `GET /info` is needed; @types/dockerode leaves it `any`. */
interface DockerInfo {
  ServerVersion: string;
  CgroupVersion?: string;
  CgroupDriver: string;
  Driver: string;
  DockerRootDir: string;
  DriverStatus?: [string, string][] | null;
  NCPU: number;
  MemTotal: number;
}

export const dockerInfo = (client: DockerClient): Promise<DockerInfo> =>
  client.call("info", (docker) => docker.info() as Promise<DockerInfo>);

/** Facts of the engine for people and for decisions; how the firewall is they tell as of when they are read. */
export const engineInfo = async (
  client: DockerClient,
  cgroups: BuildCgroups,
  firewall: () => EngineInfo["firewall"],
): Promise<EngineInfo> => {
  const info = await dockerInfo(client);
  const boundsPids = await cgroups.available(info.CgroupDriver);
  return {
    version: info.ServerVersion,
    cgroupVersion: info.CgroupVersion === "2" ? 2 : 1,
    storageDriver: info.Driver,
    backingFilesystem: info.DriverStatus?.find(([name]) => name === "Backing Filesystem")?.[1] ?? "unknown",
    cores: info.NCPU,
    memoryBytes: info.MemTotal,
    builder: boundsPids
      ? "classic builder; memory, CPU, processes, disk and time bounded per build"
      : `classic builder; memory, CPU, disk and time bounded per build, processes not by Croft (cgroup driver ${info.CgroupDriver})`,
    get firewall() {
      return firewall();
    },
  };
};
