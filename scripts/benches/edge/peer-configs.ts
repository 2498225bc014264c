import { bulkHost } from "./proxies.ts";

/** What the peers are told: one process with one thread each, to do the same work as the edge. */

export interface PeerSetting {
  dir: string;
  port: number;
  upstreams: { small: number; bulk: number };
  secure: boolean;
  http2: boolean;
}

export const upstreamConfig = (dir: string, port: number): string =>
  `daemon off; master_process off; pid ${dir}/upstream.pid; error_log /dev/null;
events { worker_connections 16384; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  server { listen 127.0.0.1:${port} backlog=4096; location / { default_type text/plain; return 200 "hello, this is a small answer here\\n"; } } }
`;

export const haproxyConfig = ({ dir, port, upstreams, secure, http2 }: PeerSetting): string =>
  `global
  nbthread 1
  maxconn 9900
  ssl-default-bind-options ssl-min-ver TLSv1.2
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout http-request 10s
  timeout http-keep-alive 75s
  timeout server 60s
  option forwardfor
frontend f
  bind 127.0.0.1:${port} backlog 4096${secure ? ` ssl crt ${dir}/site.pem alpn ${http2 ? "h2,http/1.1" : "http/1.1"}` : ""}
  use_backend bulk if { hdr(host) -i ${bulkHost} }
  default_backend small
backend small
  http-reuse always
  server s 127.0.0.1:${upstreams.small}
backend bulk
  http-reuse always
  server s 127.0.0.1:${upstreams.bulk}
`;

export const caddyConfig = ({ dir, port, upstreams, secure, http2 }: PeerSetting): string =>
  `{
  admin off
  auto_https off
  servers {
    protocols ${http2 ? "h1 h2" : "h1"}
  }
}
${secure ? "https" : "http"}://:${port} {
  bind 127.0.0.1
  ${secure ? `tls ${dir}/site.crt ${dir}/site.key` : ""}
  reverse_proxy 127.0.0.1:${upstreams.small} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`;

/** Streams bodies both ways, as the edge does: by default nginx would write them to disk first. */
export const nginxConfig = ({ dir, port, upstreams, secure, http2 }: PeerSetting): string => {
  const tls = secure
    ? `ssl_certificate ${dir}/site.crt; ssl_certificate_key ${dir}/site.key; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:1m;`
    : "";
  const server = (names: string, upstream: string, options: string): string =>
    `server { listen 127.0.0.1:${port}${options}${secure ? ` ssl${http2 ? " http2" : ""}` : ""}; server_name ${names}; ${tls}
    location / { proxy_pass http://${upstream}; } }`;
  return `daemon off; master_process off; pid ${dir}/nginx-${port}.pid; error_log /dev/null;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 75s; client_max_body_size 0;
  client_body_temp_path ${dir}/nginx-body; proxy_temp_path ${dir}/nginx-proxy;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
  proxy_request_buffering off; proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
  proxy_max_temp_file_size 0; client_body_buffer_size 256k;
  upstream small { server 127.0.0.1:${upstreams.small}; keepalive 256; }
  upstream bulk { server 127.0.0.1:${upstreams.bulk}; keepalive 256; }
  ${server("_", "small", " backlog=4096")}
  ${server(bulkHost, "bulk", "")}
}
`;
};

/** One server for each site, and one that tells which configuration it is. */
export const reloadableConfig = (
  dir: string,
  port: number,
  upstream: number,
  sites: number,
  release: number,
): string => {
  const servers = Array.from(
    { length: sites },
    (_, at) =>
      `upstream u${at} { server 127.0.0.1:${upstream}; keepalive 64; }
  server { listen 127.0.0.1:${port}; server_name site-${at}.bench.localhost; location / { proxy_pass http://u${at}; } }`,
  );
  return `daemon off; worker_processes 1; pid ${dir}/reloadable.pid; error_log /dev/null;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 75s; server_names_hash_max_size 8192; server_names_hash_bucket_size 128;
  client_body_temp_path ${dir}/reload-body; proxy_temp_path ${dir}/reload-proxy;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  server { listen 127.0.0.1:${port} backlog=4096; server_name release.bench.localhost; location / { return 200 "${release}"; } }
  ${servers.join("\n  ")}
}
`;
};
