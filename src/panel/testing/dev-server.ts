// The panel over made-up data, to look at: bun run src/panel/testing/dev-server.ts [port]
// Sign in as ada, "right horse battery". The deployment of radio goes on by itself.
import { fakeWorld } from "./fake-world.ts";
import { fakeEvents } from "./fake-events.ts";
import { fakeRequest } from "./fake-requests.ts";
import { owner, panelApp } from "./panel-app.ts";

const events = fakeEvents();
const world = fakeWorld(140);
const { app } = await panelApp({ world, before: events.app });
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2] ?? 7461),
  idleTimeout: 60,
  fetch: (request) => app.fetch(request, { peerIp: "127.0.0.1", viaEdge: false }),
});
let seq = world.logLines.length;
setInterval(() => {
  events.push({
    event: "log",
    data: {
      seq: ++seq,
      at: new Date().toISOString(),
      level: "info",
      source: "deploy",
      message: `GET /up \u001b[33m503\u001b[0m in ${seq} ms, retrying`,
    },
  });
  events.requested(fakeRequest(seq, Date.now()));
  events.printed(`GET /bikes/${seq} 200 12 ms`);
}, 1500);
console.log(`${server.url} as ${owner.username}, ${owner.password}`);
