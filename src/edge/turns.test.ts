import { expect, test } from "bun:test";
import { routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";

test("of many large answers at once some wait for their turn, and all come whole", async () => {
  const bytes = 3_000_000;
  const big = Buffer.alloc(bytes, "croft");
  const server = Bun.serve({ port: 0, development: false, fetch: () => new Response(big) });
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))]);
  const { turns } = fixture.edge;
  const add = turns.waiting.add.bind(turns.waiting);
  let waited = 0;
  turns.waiting.add = (upstream) => {
    waited++;
    return add(upstream);
  };
  const answers = await Promise.all(
    Array.from({ length: 60 }, async () => {
      const answer = await fetch(`http://127.0.0.1:${fixture.port}/`, { headers: { Host: "site.test" } });
      return Buffer.from(await answer.arrayBuffer()).equals(big);
    }),
  );
  expect(answers.every((whole) => whole)).toBe(true);
  expect(waited).toBeGreaterThan(0);
  while (turns.begun) await Bun.sleep(1);
  expect(turns.waiting.size).toBe(0);
  await fixture.close();
  await server.stop(true);
}, 30_000);
