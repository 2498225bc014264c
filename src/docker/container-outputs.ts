import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerOutputs } from "../domain/app-log.ts";
import { createDockerClient } from "./client.ts";
import { dockerInfo } from "./engine-info.ts";
import { hasStatus } from "./errors.ts";
import { openJsonFile } from "./json-file-reader.ts";
import { containerName } from "./labels.ts";

const inspectDeadlineMs = 3000;

/**
 * What containers print, read from the files of Docker's json-file driver: no request and no connection per
 * container, nothing is lost while this daemon is away, and a file that is open can be read to its end after its
 * container was removed. Relies on containers being made with the driver json-file and without its option
 * `compress` (container-config.ts); `max-size` and `max-file` may be anything.
 */
export const createContainerOutputs = (dockerHost: string): ContainerOutputs => {
  const client = createDockerClient(dockerHost);
  let folder: string | null = null;
  return {
    async readable() {
      if (!dockerHost.startsWith("unix:")) return false;
      folder ??= join((await dockerInfo(client)).DockerRootDir, "containers");
      return access(folder, constants.R_OK | constants.X_OK).then(
        () => true,
        () => false,
      );
    },
    containerOf: (replicaId) =>
      client.call(
        "inspect container",
        (docker) =>
          docker
            .getContainer(containerName(replicaId))
            .inspect()
            .then(
              ({ Id }) => Id,
              (error: unknown) => {
                if (hasStatus(error, 404)) return null;
                throw error;
              },
            ),
        // An engine that hangs must not keep other sites' output waiting.
        { deadlineMs: inspectDeadlineMs },
      ),
    async open(containerId, position) {
      if (folder === null || !/^[0-9a-f]{12,64}$/.test(containerId)) return null;
      return openJsonFile(join(folder, containerId, `${containerId}-json.log`), position);
    },
  };
};
