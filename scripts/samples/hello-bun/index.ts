import ms from "ms";

const startedAtMs = Date.now();

const server = Bun.serve({
  port: Number(process.env.PORT ?? 3000),
  fetch: () =>
    new Response(`Hello from Bun ${Bun.version}, up for ${ms(Date.now() - startedAtMs, { long: true })}\n`),
});
console.log(`listening on ${server.port}`);

process.once("SIGTERM", async () => {
  await server.stop();
  process.exit(0);
});
