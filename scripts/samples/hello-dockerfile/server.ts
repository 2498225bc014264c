const server = Bun.serve({
  port: Number(process.env.PORT),
  fetch: () => new Response("Hello from a Dockerfile\n"),
});
console.log(`listening on ${server.port}`);

process.once("SIGTERM", async () => {
  await server.stop();
  process.exit(0);
});
