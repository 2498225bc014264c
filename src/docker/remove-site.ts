import type { ReplicaState } from "../domain/engine.ts";
import type { DockerClient } from "./client.ts";
import { isManaged, labelFilter, tagLabel } from "./labels.ts";

interface Deps {
  client: DockerClient;
  listReplicas(...labels: string[]): Promise<ReplicaState[]>;
  removeReplica(replicaId: string): Promise<void>;
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

    const networks = await client.call("list networks", (docker) => docker.listNetworks({ filters }));
    for (const network of networks) await deps.removeNetwork(network.Name);

    // Labels of images are inherited by what others build FROM them, so a tag must say that it is ours as well.
    // Only tags are removed: an image goes when nothing else names or uses it.
    const images = await client.call("list images", (docker) => docker.listImages({ filters }));
    for (const image of images) {
      const tag = image.Labels?.[tagLabel];
      if (tag && image.RepoTags?.includes(tag)) await deps.removeImage(tag);
    }
    // Releases of ready images carry no labels of ours, but the tags that Croft gave them
    const tagged = await client.call("list images", (docker) =>
      docker.listImages({ filters: { reference: [`croft/${site}:*`] } }),
    );
    for (const tag of tagged.flatMap((image) => image.RepoTags ?? []))
      if (tag.startsWith(`croft/${site}:`)) await deps.removeImage(tag);

    if (!volumes) return;
    const found = await client.call("list volumes", (docker) => docker.listVolumes({ filters }));
    for (const volume of found.Volumes ?? [])
      if (isManaged(volume.Labels)) await deps.removeVolume(volume.Name);
  };
