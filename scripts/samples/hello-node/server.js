import { createServer } from "node:http";
import ms from "ms";

const port = Number(process.env.PORT ?? 3000);
const greeting = process.env.GREETING ?? "Hello from Node";
const startedAtMs = Date.now();

const server = createServer((request, response) => {
  if (request.url === "/health") {
    response.end("ok\n");
    return;
  }
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`${greeting} ${process.version}, up for ${ms(Date.now() - startedAtMs, { long: true })}\n`);
});

server.listen(port, () => console.log(`listening on ${port}`));

// Requests in flight are finished first: a new release starts beside this one before it is asked to stop.
process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
