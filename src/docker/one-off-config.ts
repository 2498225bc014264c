import type Dockerode from "dockerode";
import type { OneOffSpec } from "../domain/command-process.ts";
import { containerName, ownershipLabels } from "./labels.ts";

/** Says which run a container is for. As with replicas, its name must agree. */
export const runLabel = "croft.run";

/**
 * A one-off's container is a replica's with another command: whatever holds a replica holds it too, and a rule that
 * is added there cannot be forgotten here.
 */
export const oneOffConfig = (
  { runId, base, argv, terminal, stdin, keepOutput }: OneOffSpec,
  config: Dockerode.ContainerCreateOptions,
  cgroupParent: string | null,
): Dockerode.ContainerCreateOptions => {
  const owner = { ...base.owner, role: "helper" as const };
  return {
    ...config,
    name: containerName(runId),
    Labels: { ...ownershipLabels(owner), [runLabel]: runId },
    // The image's own entry point would take the command for its arguments.
    Entrypoint: argv,
    Cmd: [],
    // No process of the app: nobody finds it by a name.
    NetworkingConfig: { EndpointsConfig: { [base.network.name]: {} } },
    Tty: terminal !== null,
    OpenStdin: stdin,
    // The end of what is typed is the end of the command's input.
    StdinOnce: stdin,
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      ...config.HostConfig,
      ...(cgroupParent === null ? {} : { CgroupParent: cgroupParent }),
      // What a person sees in their terminal is written down nowhere.
      ...(keepOutput ? {} : { LogConfig: { Type: "none", Config: {} } }),
    },
  };
};

/** The run that a container is for, or null when it is no one-off of ours. */
export const runIdOf = (
  names: readonly string[],
  labels: Record<string, string> | null | undefined,
): string | null => {
  const runId = labels?.[runLabel];
  if (!runId || labels?.["croft.managed"] !== "true" || labels["croft.role"] !== "helper") return null;
  return names.some((name) => name.replace(/^\//, "") === containerName(runId)) ? runId : null;
};
