import type { EngineFacts } from "../domain/engine-facts.ts";
import { createDockerClient } from "./client.ts";
import { mountOptionsOf } from "./mount-options.ts";

/** Somebody waits for the answer; an engine that takes longer is told of as one that hangs. */
const deadlineMs = 5000;

/** What of `GET /info` and `GET /version` is read; @types/dockerode leaves some of it out. */
interface Info {
  CgroupVersion?: string;
  Driver: string;
  DriverStatus?: [string, string][] | null;
  DockerRootDir: string;
  LiveRestoreEnabled?: boolean;
  SwapLimit?: boolean;
  SecurityOptions?: string[] | null;
}
interface Version {
  Version: string;
  Components?: { Name: string; Version: string }[];
}

/**
 * Asks the engine what it offers.
 * @throws AppError `engine_unavailable`
 */
export const engineFacts = async (dockerHost: string): Promise<Omit<EngineFacts, "firewall" | "builder">> => {
  const client = createDockerClient(dockerHost);
  const [info, version] = await Promise.all([
    client.call("info", (docker) => docker.info() as Promise<Info>, { deadlineMs }),
    client.call("version", (docker) => docker.version() as unknown as Promise<Version>, { deadlineMs }),
  ]);
  const components = (version.Components ?? []).filter(({ Name }) => Name !== "Engine");
  return {
    version: version.Version,
    parts: Object.fromEntries(components.map((part) => [part.Name, part.Version])),
    cgroupVersion: info.CgroupVersion === "2" ? 2 : 1,
    storageDriver: info.Driver,
    backingFilesystem: info.DriverStatus?.find(([name]) => name === "Backing Filesystem")?.[1] ?? "unknown",
    mountOptions: dockerHost.startsWith("unix:") ? await mountOptionsOf(info.DockerRootDir) : null,
    liveRestore: info.LiveRestoreEnabled === true,
    countsSwap: info.SwapLimit === true,
    // `name=seccomp,profile=default`
    security: (info.SecurityOptions ?? []).map((option) => option.replace(/^name=/, "").split(",")[0]!),
  };
};
