/** Writes lines into a site's log as an edge process does, until it is killed: `bun log-lines.ts DIR ID NAME RING_BYTES COUNT`. */
import { silentLog } from "../../domain/log.ts";
import {
  createLogWriter,
  createSpare,
  flushLog,
  type LogWriter,
  makeRoom,
} from "../access-log/log-writer.ts";
import { logFolder } from "../access-log/segments.ts";

const [dir, id, name, ringBytes, count] = process.argv.slice(2) as [string, string, string, string, string];
const deps = { log: silentLog, nowMs: Date.now, spare: createSpare(), open: new Set<LogWriter>() };
const writer = createLogWriter(logFolder(dir, id), Number(ringBytes), 24 * 3_600_000);

for (let number = 1; number <= Number(count); number++) {
  const line = Buffer.from(
    `${JSON.stringify({
      time: new Date().toISOString(),
      id: `${name}-${number}`,
      address: "192.0.2.0",
      method: "GET",
      path: `/${"x".repeat(number % 300)}`,
      status: 200,
      bytesIn: 1,
      bytesOut: 1,
      ms: 1,
      protocol: "HTTP/1.1",
      tls: false,
      host: "a.test",
    })}\n`,
  );
  if (makeRoom(writer, line.length, deps)) {
    writer.bytes.set(line, writer.length);
    writer.length += line.length;
    writer.lines++;
  }
  if (number % 200 !== 0) continue;
  await flushLog(writer, deps);
  process.stdout.write(`${number}\n`);
}
await flushLog(writer, deps);
