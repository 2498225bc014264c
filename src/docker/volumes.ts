import type { Ownership, VolumeRef } from "../domain/engine.ts";
import { conflict } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import { hasStatus } from "./errors.ts";
import { isManaged, ownershipLabels } from "./labels.ts";

/** Named volumes over folders of the data directory (Docker's local driver, mount(8) options). */
export const createVolumes = (client: DockerClient) => {
  const inspect = (name: string) =>
    client.call("inspect volume", (docker) =>
      docker
        .getVolume(name)
        .inspect()
        .catch((error: unknown) => {
          if (hasStatus(error, 404)) return null;
          throw error;
        }),
    );

  return {
    async ensureVolume(volume: VolumeRef, owner: Ownership): Promise<void> {
      const found = await inspect(volume.name);
      if (found) {
        if (!isManaged(found.Labels))
          throw conflict(`a volume named ${volume.name} exists that Croft did not make; remove or rename it`);
        if (found.Options?.device !== volume.folder)
          throw conflict(`the volume ${volume.name} lies in another folder: ${found.Options?.device}`);
        return;
      }
      await client.call("create volume", (docker) =>
        docker.createVolume({
          Name: volume.name,
          Driver: "local",
          DriverOpts: { type: "none", o: "bind", device: volume.folder },
          Labels: ownershipLabels(owner),
        }),
      );
    },

    async removeVolume(name: string): Promise<void> {
      const found = await inspect(name);
      if (!found || !isManaged(found.Labels)) return;
      await client.call("remove volume", (docker) =>
        docker
          .getVolume(name)
          .remove()
          .catch((error: unknown) => {
            if (!hasStatus(error, 404)) throw error;
          }),
      );
    },
  };
};
