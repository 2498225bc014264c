import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../domain/log.ts";
import { boundedText } from "./bounded-text.ts";
import { createEdgeClient } from "./client.ts";
import { processState } from "./processes/commands.ts";
import { leadSocket, socketOf } from "./processes/folder.ts";
import { processIdOf } from "./processes/identity.ts";
import { createPeers } from "./processes/peers.ts";

/** An edge in hostile hands cannot fill the daemon's memory by what it answers. */

let dir: string;
let sent = 0;
let left = 0;
const piece = new Uint8Array(1024 * 1024).fill(0x20);
const endless = () =>
  new Response(
    new ReadableStream({
      async pull(controller) {
        sent++;
        await Bun.sleep(0);
        controller.enqueue(piece);
      },
      cancel: () => void left++,
    }),
  );
const servers: Bun.Server<undefined>[] = [];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-bounded-"));
  for (const unix of [leadSocket(dir), socketOf(dir, processIdOf("self")!)])
    servers.push(Bun.serve({ unix, fetch: endless }));
});
afterAll(async () => {
  for (const server of servers) await server.stop(true);
  rmSync(dir, { recursive: true });
});

test("a text is whole, or refused when it is too long", async () => {
  expect(await boundedText(new Response("häuser"), 7)).toBe("häuser");
  expect(await boundedText(new Response(null), 0)).toBe("");
  expect(boundedText(new Response("häuser"), 6)).rejects.toThrow("longer than 6 bytes");
});

test("an answer without an end is given up, by the daemon and by other processes", async () => {
  await expect(createEdgeClient(dir).health()).rejects.toThrow("does not answer");
  expect(sent).toBeLessThan(20);
  const peers = createPeers(dir, "", silentLog);
  const own = processIdOf("self")!;
  expect(await peers.ask(own, processState, { method: "GET", path: "/state" })).toBeNull();
  expect(sent).toBeLessThan(40);
  for (let i = 0; left < 2 && i < 500; i++) await Bun.sleep(10);
  expect(left).toBe(2);
}, 20_000);
