import { expect, test } from "bun:test";
import { textStream } from "./text-stream.ts";

test("empty pieces are not sent", async () => {
  const stream = textStream(
    (async function* () {
      yield "";
      yield "a";
      yield "";
      yield "b";
      yield "";
    })(),
  );
  expect(await new Response(stream).text()).toBe("ab");
});

test("a client that leaves ends a search that finds nothing", async () => {
  let looked = 0;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  using server = Bun.serve({
    port: 0,
    fetch: () =>
      new Response(
        textStream(
          (async function* () {
            try {
              for (yield "first"; ; looked++) {
                await Bun.sleep(1);
                yield "";
              }
            } finally {
              end();
            }
          })(),
        ),
      ),
  });
  const leaving = new AbortController();
  const response = await fetch(server.url, { signal: leaving.signal });
  const reader = response.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("first");
  while (looked < 3) await Bun.sleep(1);
  leaving.abort();
  await ended;
  const then = looked;
  await Bun.sleep(20);
  expect(looked).toBe(then);
}, 10_000);
