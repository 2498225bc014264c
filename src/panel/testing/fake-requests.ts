import type { AccessLine } from "../../domain/access-log.ts";
import type { PathView } from "../../domain/path-usage.ts";
import type { TopPaths } from "../../requests/top-paths.ts";
import { fakeNowMs } from "./fake-data.ts";

const kinds: [method: string, path: string, status: number, ms: number, bytes: number][] = [
  ["GET", "/", 200, 12.4, 18_204],
  ["GET", "/bikes/482", 200, 31.8, 9_120],
  ["GET", "/assets/app.3f2a91bc.css", 200, 0.4, 24_310],
  ["POST", "/bookings", 303, 84.2, 412],
  ["GET", "/bikes/9001", 404, 9.1, 1_904],
  ["GET", "/api/v1/bookings?week=47", 200, 22.7, 3_310],
  ["GET", "/wp-login.php", 404, 0.3, 1_904],
  ["GET", "/reports/2026-11.pdf", 503, 1_204.5, 680],
];

/** One of the made-up requests. */
export const fakeRequest = (number: number, atMs: number): AccessLine => {
  const [method, path, status, ms, bytesOut] = kinds[number % kinds.length]!;
  return {
    time: new Date(atMs).toISOString(),
    id: `9f31c0a2b7d4-${number.toString(16)}`,
    address: number % 3 === 0 ? "2001:db8:12::" : `203.0.113.${number % 2 === 0 ? 0 : 0}`,
    method,
    path: path.split("?")[0]!,
    status,
    bytesIn: 412,
    bytesOut,
    ms,
    ...(ms > 1 && { upstreamMs: ms * 0.9, replica: "rep_1" }),
    protocol: number % 4 === 0 ? "HTTP/1.1" : "HTTP/2.0",
    tls: true,
    host: "bike-kitchen.example.org",
    ...(number % 5 === 0 && { referer: "https://news.example" }),
  };
};

/** Oldest first, the last one some seconds ago. */
export const fakeRequests = (count: number): AccessLine[] =>
  Array.from({ length: count }, (_, i) => fakeRequest(i, fakeNowMs - (count - i) * 4_700));

const path = (
  method: string,
  pattern: string,
  requests: number,
  [moved, wrong, failed]: [number, number, number],
  p95: number | null,
): PathView => ({
  method,
  path: pattern,
  requests,
  status: { "2xx": requests - moved - wrong - failed, "3xx": moved, "4xx": wrong, "5xx": failed },
  bytesIn: requests * 412,
  bytesOut: requests * 8_400,
  responseMs: { avg: p95 && p95 / 2.2, p50: p95 && p95 / 3, p95, p99: p95 && p95 * 1.6 },
});

export const fakeTopPaths = (any: boolean): TopPaths => ({
  from: new Date(fakeNowMs - 24 * 3_600_000).toISOString(),
  to: new Date(fakeNowMs).toISOString(),
  items: any
    ? [
        path("GET", "/", 8_412, [0, 0, 2], 48.2),
        path("GET", "/bikes/:id", 3_120, [0, 96, 0], 91.7),
        path("GET", "/assets/app.:id.css", 2_980, [410, 0, 0], 1.1),
        path("POST", "/bookings", 212, [190, 21, 1], 240.3),
        path("GET", "/api/v1/bookings", 180, [0, 0, 0], 62),
        path("GET", "/reports/:id.pdf", 44, [0, 0, 17], 2_410),
        path("GET", "/wp-login.php", 39, [0, 39, 0], 0.6),
        path(
          "GET",
          "/live/:id/a-rather-long-path-that-somebody-made/with/several/parts/in/it",
          7,
          [0, 0, 0],
          null,
        ),
      ]
    : [],
  other: any ? path("", "", 611, [40, 380, 3], 33) : null,
});
