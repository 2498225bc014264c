import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { isCommand } from "./pages/host-doctor.tsx";
import { fakeCertificate } from "./testing/fake-domains.ts";
import { type PanelApp, panelApp } from "./testing/panel-app.ts";
import { panelClient, textOf } from "./testing/panel-client.ts";

let panel: PanelApp;
let client: ReturnType<typeof panelClient>;
beforeAll(async () => {
  panel = await panelApp();
  client = panelClient(panel);
  await client.signIn();
});
beforeEach(() => panel.reset());
afterAll(() => panel.dispose());

const read = async (path: string) => textOf((await client.get(path)).html);

test("the host page says where the edge listens, how many processes it has, and the panel's certificate", async () => {
  const text = await read("/host");
  expect(text).toContain("Listens on 0.0.0.0:80 https://0.0.0.0:443 Speaks HTTP/1.1, HTTP/2");
  expect(text).toContain("Processes 2, 1 finishing");
  expect(text).toContain("Panel croft.example.org Certificate by Let's Encrypt R11");
});

test("a panel without a certificate says what went wrong and what is next", async () => {
  const { https } = panel.deps;
  panel.deps.https = async (person) => {
    const view = await https(person);
    const certificate = fakeCertificate("croft.example.org", {
      notAfter: null,
      error: "it does not lead here",
    });
    return { ...view, panel: { ...view.panel, certificate, nextStep: "point croft.example.org here" } };
  };
  const text = await read("/host");
  expect(text).toContain("HTTPS No certificate yet");
  expect(text).toContain("It does not lead here. Next: point croft.example.org here. Try again");
});

test("an edge that cannot start is a banner on every page of an operator, and of nobody else", async () => {
  panel.world.edge = { up: false, problem: "the edge's address 0.0.0.0:80 is taken by another program" };
  for (const path of ["/", "/host", "/sites/bike-kitchen/rules"])
    expect(await read(path)).toContain(
      "The edge does not run, so no site is reached. The edge's address 0.0.0.0:80 is taken by another program.",
    );
  panel.world.edge = { up: false, problem: null };
  expect(await read("/")).not.toContain("does not run");
  expect(await read("/host")).toContain("Edge Starting");
  const lin = { username: "lin", email: "lin@example.org", password: "a long password" };
  await panel.addPerson(lin);
  const other = panelClient(panel);
  await other.post("/sign-in", { username: lin.username, password: lin.password });
  panel.world.edge = { up: false, problem: "the edge's address is taken" };
  const theirs = textOf((await other.get("/")).html);
  expect(theirs).toContain("lin");
  expect(theirs).not.toContain("does not run");
});

test("the guard says what it sees, whom it holds and why, and lets a site go", async () => {
  const text = await read("/host");
  expect(text).toContain("Guard Acting seed-library Slowed down to 0.1 of its 0.5 cores");
  expect(text).toContain("most by seed-library: 0.49 cores");
  expect(text).toContain("Builds wait: the server has 180 MB of free memory left");
  const { status, location } = await client.submit("/host/guard/release", { site: "seed-library" });
  expect([status, location]).toEqual([303, "/host?done=guard-released"]);
  expect(panel.world.calls).toContainEqual({ verb: "releaseFromGuard", args: ["seed-library"] });
});

test("what the doctor says to do can be copied only where it is a command and nothing else", () => {
  expect(
    isCommand("echo 'net.ipv4.tcp_migrate_req = 1' >>/etc/sysctl.d/60-croft.conf && sysctl --system"),
  ).toBe(true);
  for (const mend of [
    "apt-get install iptables, then systemctl restart croft",
    "ss -ltnp names the program that holds the port; end it: systemctl disable --now NAME",
    "install a newer one: docs.docker.com/engine/install",
  ])
    expect(isCommand(mend)).toBe(false);
});

test("what is used, who uses it and what the guard did stay true while the page stands open", async () => {
  const { guard } = panel.deps;
  panel.deps.guard = async (person) => ({ ...(await guard(person)), pressures: [], inForce: [] });
  const { html } = await client.get("/host");
  panel.deps.guard = guard;
  for (const part of ["use-part", "guard-part", "machine-part"])
    expect(html).toMatch(new RegExp(`<div id="${part}" data-live[^>]* data-every="10">`));
});
