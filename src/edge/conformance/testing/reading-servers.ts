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

const said = (what: object): Response =>
  new Response(null, { headers: { "x-read": Buffer.from(JSON.stringify(what)).toString("base64") } });

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

/** Behind a proxy: repeats what that says of the request in `X-Method`, `X-Target` and `X-Host`. */
const startBehind = (): ReturnType<typeof Bun.serve> =>
  Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    async fetch(request) {
      const body = Buffer.from(await request.arrayBuffer()).toString("base64");
      const get = (name: string): string => request.headers.get(name) ?? "";
      return said({ method: get("x-method"), target: get("x-target"), host: get("x-host"), body });
    },
  });

const nginxConfig = (dir: string, port: number, behind: number): string =>
  `daemon off; master_process off; worker_processes 1; pid ${dir}/pid; error_log ${dir}/error.log crit;
   events { worker_connections 1024; }
   http {
     access_log off; client_header_buffer_size 64k; large_client_header_buffers 4 64k; merge_slashes off;
     client_max_body_size 0; keepalive_requests 10000000; keepalive_timeout 600s; underscores_in_headers on;
     ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((it) => `${it}_temp_path ${dir}/temp;`).join(" ")}
     upstream behind { server 127.0.0.1:${behind}; keepalive 64; }
     server {
       listen 127.0.0.1:${port};
       location / {
         proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_method POST;
         proxy_set_header X-Method $request_method; proxy_set_header X-Target $request_uri;
         proxy_set_header X-Host $http_host; proxy_set_header Host behind; proxy_set_header Range "";
       }
     }
   }`;

/** Starts a program that listens on the port of its configuration, in a folder of its own. */
const startProgram = async (
  name: string,
  argvOf: (dir: string, port: number) => string[],
  cleanUp: () => Promise<void> = async () => {},
): Promise<ReadingServer> => {
  const dir = mkdtempSync(join(tmpdir(), "croft-reader-"));
  mkdirSync(join(dir, "temp"));
  const port = freePort();
  const child = Bun.spawn(argvOf(dir, port), {
    cwd: dir,
    env: { ...process.env, PYTHONPATH: import.meta.dir, PYTHONDONTWRITEBYTECODE: "1" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const close = async (): Promise<void> => {
    child.kill();
    await child.exited;
    await cleanUp();
    rmSync(dir, { recursive: true, force: true });
  };
  const events = { data() {}, error() {} };
  for (let tries = 0; ; tries++) {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: events }).catch(() => null);
    if (socket !== null) {
      socket.end();
      return { name, host: "127.0.0.1", port, close };
    }
    if (tries > 400 || child.exitCode !== null) {
      await close();
      throw new Error(`${name} does not start`);
    }
    await Bun.sleep(25);
  }
};

/** Debian's nginx as a reverse proxy; behind it a server that repeats what nginx says of the request. */
export const startNginx = (): Promise<ReadingServer> => {
  const behind = startBehind();
  const argvOf = (dir: string, port: number): string[] => {
    writeFileSync(join(dir, "nginx.conf"), nginxConfig(dir, port, behind.port!));
    return ["nginx", "-p", dir, "-c", join(dir, "nginx.conf"), "-e", join(dir, "error.log")];
  };
  return startProgram("nginx", argvOf, () => behind.stop(true));
};

const caddyConfig = (port: number, behind: number): string =>
  `{
     admin off
     auto_https off
   }
   :${port} {
     bind 127.0.0.1
     reverse_proxy 127.0.0.1:${behind} {
       method POST
       header_up X-Method {http.request.orig_method}
       header_up X-Target {http.request.orig_uri}
       header_up X-Host {http.request.hostport}
       header_up Host behind
       header_up -Range
     }
   }`;

/** Caddy in the same way, for what Go's `net/http` reads. */
export const startCaddy = (): Promise<ReadingServer> => {
  const behind = startBehind();
  const argvOf = (dir: string, port: number): string[] => {
    writeFileSync(join(dir, "Caddyfile"), caddyConfig(port, behind.port!));
    return [
      "env",
      `HOME=${dir}`,
      "caddy",
      "run",
      "--config",
      join(dir, "Caddyfile"),
      "--adapter",
      "caddyfile",
    ];
  };
  return startProgram("Caddy", argvOf, () => behind.stop(true));
};

/** gunicorn, with threads so that connections are kept. */
export const startGunicorn = (): Promise<ReadingServer> =>
  startProgram("gunicorn", (_, port) => [
    ..."/usr/bin/python3 -m gunicorn --worker-class gthread --threads 32 --keep-alive 600 --limit-request-line 0".split(
      " ",
    ),
    ..."--limit-request-field_size 0 --limit-request-fields 200 --log-level critical --bind".split(" "),
    `127.0.0.1:${port}`,
    "reading_app:wsgi",
  ]);

/** uvicorn, with the parser in Python (h11). */
export const startUvicorn = (): Promise<ReadingServer> =>
  startProgram("uvicorn", (_, port) => [
    ..."/usr/bin/python3 -m uvicorn --http h11 --timeout-keep-alive 600 --log-level critical --no-access-log --port".split(
      " ",
    ),
    String(port),
    "reading_app:asgi",
  ]);

const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
};
