import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server that tells in `X-Read` (base64 of JSON) what it understood of each request. */
export interface ReadingServer {
  name: string;
  host: string;
  port: number;
  close(): Promise<void> | void;
}

/** `Bun.serve`. */
export const startBunServer = (): ReadingServer => {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    development: false,
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer()).toString("base64");
      const target = request.url.replace(/^[a-z]+:\/\/[^/?#]*/, "");
      return said({ method: request.method, target, host: request.headers.get("host") ?? "", body });
    },
  });
  return { name: "Bun.serve", host: "127.0.0.1", port: server.port!, close: () => server.stop(true) };
};

const said = (what: object): Response =>
  new Response(null, { headers: { "x-read": Buffer.from(JSON.stringify(what)).toString("base64") } });

/** Debian's nginx as a reverse proxy; behind it a server that repeats what nginx says of the request. */
export const startNginx = async (): Promise<ReadingServer> => {
  const behind = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer()).toString("base64");
      const get = (name: string): string => request.headers.get(name) ?? "";
      return said({ method: get("x-method"), target: get("x-target"), host: get("x-host"), body });
    },
  });
  const dir = mkdtempSync(join(tmpdir(), "croft-nginx-"));
  mkdirSync(join(dir, "temp"));
  const port = freePort();
  writeFileSync(
    join(dir, "nginx.conf"),
    `daemon off; master_process off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log crit;
     events { worker_connections 1024; }
     http {
       access_log off; client_header_buffer_size 64k; large_client_header_buffers 4 64k; merge_slashes off;
       client_max_body_size 0; keepalive_requests 10000000; keepalive_timeout 600s; underscores_in_headers on;
       ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((it) => `${it}_temp_path ${dir}/temp;`).join(" ")}
       upstream behind { server 127.0.0.1:${behind.port}; keepalive 64; }
       server {
         listen 127.0.0.1:${port};
         location / {
           proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_method POST;
           proxy_set_header X-Method $request_method; proxy_set_header X-Target $request_uri;
           proxy_set_header X-Host $http_host; proxy_set_header Host behind; proxy_set_header Range "";
         }
       }
     }`,
  );
  const child = Bun.spawn(["nginx", "-p", dir, "-c", join(dir, "nginx.conf"), "-e", join(dir, "error.log")], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  for (let tries = 0; ; tries++) {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data() {}, error() {} },
    }).catch(() => null);
    if (socket !== null) {
      socket.end();
      break;
    }
    if (tries > 200 || child.exitCode !== null) throw new Error("nginx does not start");
    await Bun.sleep(25);
  }
  return {
    name: "nginx",
    host: "127.0.0.1",
    port,
    async close() {
      child.kill();
      await child.exited;
      await behind.stop(true);
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
};
