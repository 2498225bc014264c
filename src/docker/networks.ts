import { createHash } from "node:crypto";
import type { NetworkRef, Ownership } from "../domain/engine.ts";
import { AppError, conflict } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import { dockerMessage, hasStatus } from "./errors.ts";
import { isManaged, ownershipLabels, replicaIdOf } from "./labels.ts";
import { runIdOf } from "./one-off-config.ts";

/** All bridges of Croft begin so: the firewall's rules name them as `croft+`. */
export const bridgePrefix = "croft";

/** Interface names have at most 15 characters (IFNAMSIZ, linux/if.h), so the network's name goes in as a hash. */
export const bridgeName = (network: string): string =>
  bridgePrefix + createHash("sha256").update(network).digest("hex").slice(0, 10);

const betweenContainers = "com.docker.network.bridge.enable_icc";

/** Whether two IPv4 networks in CIDR notation share addresses. */
const overlap = (a: string | undefined, b: string): boolean => {
  const [first, second] = [a, b].map((cidr) => {
    const [address = "", bits = ""] = (cidr ?? "").split("/");
    const start = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
    return { start, end: start + 2 ** (32 - Number(bits)) };
  }) as [{ start: number; end: number }, { start: number; end: number }];
  return first.start < second.end && second.start < first.end;
};

interface Attached {
  id: string;
  name: string;
  ours: boolean;
}

/** The environments' networks: one bridge each, with an explicit subnet, since Docker's default pools end at about 30. */
export const createNetworks = (client: DockerClient) => {
  /** Docker before API 1.44 makes two networks of one name when asked twice at once. */
  const busy = new Map<string, Promise<void>>();

  const inspect = (name: string) =>
    client.call("inspect network", (docker) =>
      docker
        .getNetwork(name)
        .inspect()
        .catch((error: unknown) => {
          if (hasStatus(error, 404)) return null;
          throw error;
        }),
    );

  const create = (network: NetworkRef, owner: Ownership) =>
    client.call(
      "create network",
      async (docker) => {
        try {
          await docker.createNetwork({
            Name: network.name,
            Driver: "bridge",
            CheckDuplicate: true,
            EnableIPv6: false,
            Internal: network.internal ?? false,
            IPAM: { Driver: "default", Config: [{ Subnet: network.subnet }] },
            Options: {
              "com.docker.network.bridge.name": bridgeName(network.name),
              [betweenContainers]: String(network.apart !== true),
            },
            Labels: ownershipLabels(owner),
          });
        } catch (error) {
          const message = dockerMessage(error);
          if (hasStatus(error, 409) && /already exists/.test(message)) return; // another daemon was first
          if (/overlaps|conflicts with/.test(message))
            throw conflict(
              `the subnet ${network.subnet} of network ${network.name} is in use on this server`,
            );
          throw error;
        }
      },
      { deadlineMs: 30_000 },
    );

  const removeById = (id: string, name: string) =>
    client.call(
      "remove network",
      (docker) =>
        docker
          .getNetwork(id)
          .remove()
          .catch((error: unknown) => {
            if (hasStatus(error, 404)) return;
            if (hasStatus(error, 403))
              throw conflict(`the network ${name} still has containers: ${dockerMessage(error)}`);
            throw error;
          }),
      { deadlineMs: 30_000 },
    );

  const attachedTo = (networkId: string): Promise<Attached[]> =>
    client.call("list containers", async (docker) => {
      const found = await docker.listContainers({ all: true, filters: { network: [networkId] } });
      return found.map((info) => ({
        id: info.Id,
        name: info.Names[0] ?? info.Id,
        ours: (replicaIdOf(info.Names, info.Labels) ?? runIdOf(info.Names, info.Labels)) !== null,
      }));
    });

  /** Makes the network anew as it should be; our containers move over and get new addresses. */
  const replace = async (networkId: string, network: NetworkRef, owner: Ownership): Promise<void> => {
    const attached = await attachedTo(networkId);
    const foreign = attached.find((container) => !container.ours);
    if (foreign)
      throw conflict(
        `the network ${network.name} has another subnet, or other options, and is used by container ${foreign.name}`,
      );
    // Before anything is taken apart: what is asked for must be free.
    const others = await client.call("list networks", (docker) => docker.listNetworks());
    const taken = others.find(
      ({ Id, IPAM }) =>
        Id !== networkId && (IPAM?.Config ?? []).some(({ Subnet }) => overlap(Subnet, network.subnet)),
    );
    if (taken)
      throw conflict(`the subnet ${network.subnet} of network ${network.name} is in use by ${taken.Name}`);
    for (const { id } of attached)
      await client.call("disconnect container", (docker) =>
        docker.getNetwork(networkId).disconnect({ Container: id, Force: true }),
      );
    await removeById(networkId, network.name);
    await create(network, owner);
    for (const { id } of attached)
      await client.call("connect container", (docker) =>
        docker.getNetwork(network.name).connect({ Container: id }),
      );
  };

  const ensure = async (network: NetworkRef, owner: Ownership): Promise<void> => {
    const found = await inspect(network.name);
    if (!found) return create(network, owner);
    if (!isManaged(found.Labels))
      throw conflict(`a network named ${network.name} exists that Croft did not make; remove or rename it`);
    const right =
      found.Driver === "bridge" &&
      found.IPAM?.Config?.[0]?.Subnet === network.subnet &&
      found.Options?.["com.docker.network.bridge.name"] === bridgeName(network.name) &&
      (found.Options?.[betweenContainers] === "false") === (network.apart === true);
    if (!right) await replace(found.Id, network, owner);
  };

  return {
    async ensureNetwork(network: NetworkRef, owner: Ownership): Promise<void> {
      const before = busy.get(network.name) ?? Promise.resolve();
      const mine = before.catch(() => {}).then(() => ensure(network, owner));
      busy.set(network.name, mine);
      try {
        await mine;
      } finally {
        if (busy.get(network.name) === mine) busy.delete(network.name);
      }
    },

    /** Idempotent; `conflict` while containers are attached. */
    async removeNetwork(name: string): Promise<void> {
      const found = await inspect(name);
      if (!found) return;
      if (!isManaged(found.Labels)) throw new AppError("forbidden", `the network ${name} is not Croft's`);
      for (const container of await attachedTo(found.Id))
        if (container.ours)
          await client.call("disconnect container", (docker) =>
            docker
              .getNetwork(found.Id)
              .disconnect({ Container: container.id, Force: true })
              .catch((error: unknown) => {
                if (!hasStatus(error, 404)) throw error;
              }),
          );
      await removeById(found.Id, name);
    },
  };
};
