import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { NetworkRef } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import {
  type DockerFixture,
  dockerApi,
  dockerFixture,
  eventually,
  randomSubnet,
} from "../testing/docker-fixture.ts";
import { bridgeName } from "./networks.ts";

setDefaultTimeout(60_000);

let fixture: DockerFixture;
beforeAll(async () => {
  fixture = await dockerFixture();
});
afterAll(() => fixture.cleanup());

const named = () => `croft-${fixture.site}-${newId("env").slice(-6)}`;
const inspect = (name: string) => dockerApi("GET", `/networks/${name}`);
const sameNamed = async (name: string): Promise<any[]> =>
  (await dockerApi("GET", "/networks")).filter((network: any) => network.Name === name);

test("a network has the subnet asked for, our labels, and a bridge that rules can name", async () => {
  const network = await fixture.network();
  const made = await inspect(network.name);
  expect(made).toMatchObject({ Driver: "bridge", EnableIPv6: false, Internal: false });
  expect(made.IPAM.Config[0].Subnet).toBe(network.subnet);
  expect(made.Options["com.docker.network.bridge.name"]).toBe(bridgeName(network.name));
  expect(made.Labels).toMatchObject({ "croft.managed": "true", "croft.site": fixture.site });
});

test("bridge names fit the kernel and differ by network", () => {
  expect(bridgeName("a".repeat(200)).length).toBe(15);
  expect(bridgeName("croft-a")).not.toBe(bridgeName("croft-b"));
  expect(bridgeName("croft-a")).toMatch(/^croft[0-9a-f]{10}$/);
});

test("ensured at once and again, it is one network and stays the same", async () => {
  const { engine, owner } = fixture;
  const network = await fixture.network();
  const { Id } = await inspect(network.name);
  await engine.removeNetwork(network.name);
  await Promise.all(Array.from({ length: 5 }, () => engine.ensureNetwork(network, owner)));
  const first = await sameNamed(network.name);
  expect(first).toHaveLength(1);
  expect(first[0].Id).not.toBe(Id);
  await engine.ensureNetwork(network, owner);
  expect((await inspect(network.name)).Id).toBe(first[0].Id);
});

test("a wrong subnet is repaired, and replicas move over with it, running or stopped", async () => {
  const { engine, owner } = fixture;
  const before = await fixture.network();
  const running = await fixture.start("sleep 300", before);
  const stopped = await fixture.start("sleep 300", before);
  await engine.stopReplica(stopped.replicaId, 0);
  const after = await eventually("a free subnet", async () => {
    const changed = { name: before.name, subnet: randomSubnet() };
    return engine.ensureNetwork(changed, owner).then(
      () => changed,
      () => null,
    );
  });
  const start = after.subnet.split(".").slice(0, 3).join(".");
  expect((await inspect(before.name)).IPAM.Config[0].Subnet).toBe(after.subnet);
  expect((await engine.inspectReplica(running.replicaId))!).toMatchObject({
    running: true,
    pid: running.pid,
  });
  expect((await engine.inspectReplica(running.replicaId))!.address).toStartWith(`${start}.`);
  expect((await engine.restartReplica(stopped.replicaId)).address).toStartWith(`${start}.`);
});

test("a subnet in use elsewhere is refused before a network is taken apart", async () => {
  const { engine, owner } = fixture;
  const [taken, network] = [await fixture.network(), await fixture.network()];
  const { replicaId, address } = await fixture.start("sleep 300", network);
  await expect(
    engine.ensureNetwork({ name: network.name, subnet: taken.subnet }, owner),
  ).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining(taken.name) });
  expect((await engine.inspectReplica(replicaId))!.address).toBe(address);
});

test("an internal network joins two replicas by name and leads nowhere else; left, the name is gone", async () => {
  const { engine, owner } = fixture;
  const [mine, theirs] = [await fixture.network(), await fixture.network()];
  const link = await eventually("a free subnet", async () => {
    const network = { name: named(), subnet: randomSubnet(), internal: true };
    return engine.ensureNetwork(network, owner).then(
      () => network,
      () => null,
    );
  });
  const target = await fixture.start("while true; do echo stored | nc -l -p 6380; done", theirs);
  const ask =
    "while true; do nc -w 1 db 6380 </dev/null 2>/dev/null || echo none; ip route | grep -c default; sleep 0.2; done";
  const asker = await fixture.start(ask, mine, { joins: [{ network: link.name, aliases: [] }] });
  expect(asker.networks.map(({ name }) => name).toSorted()).toEqual([mine.name, link.name].toSorted());
  // Its address stays the one on its own network.
  expect(asker.address).toStartWith(mine.subnet.split(".").slice(0, 3).join("."));
  const said = (word: string) =>
    eventually(`it says ${word}`, async () => (await engine.logTail(asker.replicaId, 2)).includes(word));
  await said("none");
  await engine.joinNetwork(target.replicaId, link.name, ["db"]);
  await engine.joinNetwork(target.replicaId, link.name, ["db"]);
  await said("stored");
  expect(
    (await engine.inspectReplica(target.replicaId))!.networks.find(({ name }) => name === link.name)!.aliases,
  ).toContain("db");
  // One way out, as before.
  await said("1");
  await engine.leaveNetwork(target.replicaId, link.name);
  await engine.leaveNetwork(target.replicaId, link.name);
  await said("none");
  await engine.removeNetwork(link.name);
});

test("a subnet in use elsewhere: conflict, which names it", async () => {
  const { engine, owner } = fixture;
  const taken = await fixture.network();
  await expect(engine.ensureNetwork({ name: named(), subnet: taken.subnet }, owner)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining(taken.subnet),
  });
});

test("removal lets go of replicas, is idempotent", async () => {
  const { engine } = fixture;
  const network = await fixture.network();
  const { replicaId } = await fixture.start("sleep 300", network);
  await engine.removeNetwork(network.name);
  await engine.removeNetwork(network.name);
  await expect(inspect(network.name)).rejects.toThrow("404");
  expect((await engine.inspectReplica(replicaId))!.address).toBeNull();
});

describe("what Croft did not make", () => {
  let foreign: NetworkRef;
  beforeAll(async () => {
    foreign = await eventually("a foreign network", async () => {
      const network = { name: named(), subnet: randomSubnet() };
      const body = { Name: network.name, IPAM: { Config: [{ Subnet: network.subnet }] } };
      return dockerApi("POST", "/networks/create", body).then(
        () => network,
        () => null,
      );
    });
  });
  afterAll(() => dockerApi("DELETE", `/networks/${foreign.name}`));

  test("a network of the same name is neither used nor removed", async () => {
    await expect(fixture.engine.ensureNetwork(foreign, fixture.owner)).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(fixture.engine.removeNetwork(foreign.name)).rejects.toMatchObject({ code: "forbidden" });
    expect((await inspect(foreign.name)).Name).toBe(foreign.name);
  });

  test("a foreign container on our network stops its repair and its removal", async () => {
    const { engine, owner } = fixture;
    const network = await fixture.network();
    const { Id } = await dockerApi("POST", "/containers/create", {
      Image: "croft-test/busybox",
      Cmd: ["sleep", "300"],
      HostConfig: { NetworkMode: network.name },
    });
    try {
      await dockerApi("POST", `/containers/${Id}/start`);
      const other = { name: network.name, subnet: randomSubnet() };
      await expect(engine.ensureNetwork(other, owner)).rejects.toMatchObject({ code: "conflict" });
      await expect(engine.removeNetwork(network.name)).rejects.toMatchObject({ code: "conflict" });
      expect(Object.keys((await inspect(network.name)).Containers)).toEqual([Id]);
    } finally {
      await dockerApi("DELETE", `/containers/${Id}?force=1`);
    }
  });
});
