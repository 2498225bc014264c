import type { ReplicaState } from "../domain/engine.ts";
import type { DockerClient } from "./client.ts";
import { imageRepository, isManaged, labelFilter } from "./labels.ts";

interface Deps {
  client: DockerClient;
  listReplicas(...labels: string[]): Promise<ReplicaState[]>;
  removeReplica(replicaId: string): Promise<void>;
  listOneOffs(...labels: string[]): Promise<string[]>;
  removeOneOff(runId: string): Promise<void>;
  removeNetwork(name: string): Promise<void>;
  removeImage(reference: string): Promise<void>;
  removeVolume(name: string): Promise<void>;
}

/** Everything of one site, in the order in which Docker lets go of it; see `Engine.removeSite`. */
export const createRemoveSite =
  (deps: Deps) =>
  async (site: string, { volumes }: { volumes: boolean }): Promise<void> => {
    const { client } = deps;
    const ofSite = `croft.site=${site}`;
    const filters = labelFilter(ofSite);

    for (const replica of await deps.listReplicas(ofSite)) await deps.removeReplica(replica.replicaId);
    for (const runId of await deps.listOneOffs(ofSite)) await deps.removeOneOff(runId);

    const networks = await client.call("list networks", (docker) => docker.listNetworks({ filters }));
    for (const network of networks) await deps.removeNetwork(network.Name);

    // By name, not by label: what others build FROM an image of ours inherits its labels, and the releases of
    // ready images have none of ours. Only tags go; an image goes with the last of its names, unless it is used.
    const repository = imageRepository(site);
    const images = await client.call("list images", (docker) =>
      docker.listImages({ filters: { reference: [`${repository}:*`] } }),
    );
    for (const tag of images.flatMap((image) => image.RepoTags ?? []))
      if (tag.startsWith(`${repository}:`)) await deps.removeImage(tag);

    if (!volumes) return;
    const found = await client.call("list volumes", (docker) => docker.listVolumes({ filters }));
    for (const volume of found.Volumes ?? [])
      if (isManaged(volume.Labels)) await deps.removeVolume(volume.Name);
  };
