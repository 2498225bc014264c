import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { busyboxImage, busyboxTag } from "../docker-fixture.ts";
import { docker, run, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { webCommand, webImage } from "./own-docker.ts";

setDefaultTimeout(240_000);

const count = 20;
const sites = Array.from({ length: count }, (_, number) => uniqueSlug(`m${number}`));
let croft: TestCroft;

interface Place {
  site: string;
  address: string;
  pid: string;
}
let places: Place[];

beforeAll(async () => {
  await busyboxImage();
  await docker("tag", busyboxTag, webImage);
  croft = await startCroft();
  for (const site of sites)
    await croft.createSite(site, {
      type: "image",
      image: webImage,
      port: 8080,
      startCommand: webCommand(site),
    });
  const format = "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  places = [];
  for (const site of sites) {
    await until(
      `${site} is live`,
      async () => (await croft.visit(`${site}.localhost`)).body.trim(),
      (body) => body === site,
      120_000,
    );
    const id = await docker("ps", "-q", "--filter", `label=croft.site=${site}`);
    const [pid = "", address = ""] = (await docker("inspect", "--format", format, id)).split(" ");
    places.push({ site, address, pid });
  }
}, 240_000);
afterAll(() => croft.destroy());

/** Which of the addresses a site's container can connect to, tried from within its own network. */
const reachable = async ({ pid }: Place, addresses: string[]): Promise<string[]> => {
  const script =
    'for a in "$@"; do (timeout 2 bash -c "</dev/tcp/$a/8080" 2>/dev/null && echo "$a") & done; wait; true';
  const inside = ["nsenter", "--target", pid, "--net", "bash", "-c", script, "try", ...addresses];
  const { stdout, exitCode } = await run(inside);
  expect(exitCode).toBe(0);
  return stdout.split("\n").filter(Boolean);
};

const bridgeOf = async (site: string): Promise<string> => {
  const format = '{{index .Options "com.docker.network.bridge.name"}}';
  const id = await docker("network", "ls", "-q", "--filter", `label=croft.site=${site}`);
  return docker("network", "inspect", "--format", format, id);
};

test(`of ${count} sites each reaches itself and none of the others`, async () => {
  const addresses = places.map(({ address }) => address);
  expect(new Set(addresses).size).toBe(count);
  for (const place of places)
    expect({ from: place.site, reached: await reachable(place, addresses) }).toEqual({
      from: place.site,
      reached: [place.address],
    });
});

/** Removes the rules that close a bridge, which are this installation's alone. */
const flushed = async (bridge: string): Promise<void> => {
  const rules = (await run(["iptables", "-S"])).stdout.split("\n");
  const chain = rules.find((line) => line.startsWith("-A CROFT-CLOSED-") && line.includes(`-i ${bridge} `))!;
  expect((await run(["iptables", "-F", chain.split(" ")[1]!])).exitCode).toBe(0);
};

test("a site whose egress is switched off goes on answering visitors; its bridge is closed, and open again when asked", async () => {
  const [first] = places;
  const { status, body } = await croft.api("PATCH", `/sites/${first!.site}`, { egress: false });
  expect(status, JSON.stringify(body)).toBe(200);
  expect((await croft.site(first!.site)).egress).toBe(false);
  const bridge = await bridgeOf(first!.site);
  const refused = async () =>
    (await run(["iptables", "-S"])).stdout
      .split("\n")
      .some((line) => line.startsWith("-A CROFT-CLOSED-") && line.includes(`-i ${bridge} -j REJECT`));
  await until("it is closed", refused, Boolean);
  expect((await croft.visit(`${first!.site}.localhost`)).body.trim()).toBe(first!.site);
  await flushed(bridge);
  await until("what somebody flushed is back", refused, Boolean, 60_000);
  await until(
    "it is told",
    async () => (await croft.api<{ items: { kind: string }[] }>("GET", "/events")).body.items,
    (items) => items.some(({ kind }) => kind === "firewall.repaired"),
  );
  const shown = await croft.cli(["site", "change", first!.site, "--egress", "on", "--json"]);
  expect(shown.exitCode, shown.stderr).toBe(0);
  expect((await croft.site(first!.site)).egress).toBe(true);
  await until("it is open", refused, (closed) => !closed);
});
