import { median, type Row, row } from "../row.ts";
import {
  connections,
  h2Connections,
  h2load,
  h2Streams,
  interleaved,
  type Sample,
  steady,
  wrk,
} from "./load-tools.ts";
import { benchRoutes, type Proxy, routes, type Stage, withStage } from "./proxies.ts";

/** Small answers: throughput and CPU per request beside HAProxy and Caddy, latency at half of the load. */

const peers = ["haproxy", "caddy"] as const;

const startAll = async (stage: Stage, http2 = false): Promise<Proxy[]> => [
  await stage.start("croft", http2),
  await stage.start("haproxy", http2),
  await stage.start("caddy", http2),
];

/** Throughput beside both peers, and CPU per request beside it. */
const throughputRows = (
  name: string,
  unit: string,
  samples: Map<Proxy["name"], Sample[]>,
  note: string,
): Row[] => {
  const figure = (proxy: Proxy["name"], of: (sample: Sample) => number): number =>
    median(samples.get(proxy)!.map(of));
  const rows = (label: string, what: string, of: (sample: Sample) => number): Row[] =>
    peers.map((peer) =>
      row(label, { value: figure("croft", of), unit: what, peer, peerValue: figure(peer, of), note }),
    );
  return [
    ...rows(name, unit, ({ perSecond }) => perSecond),
    ...rows(`${name}-cpu`, "µs of CPU each", ({ cpuMicros }) => cpuMicros),
  ];
};

const manner = (rounds: number, seconds: number): string =>
  `${connections} connections, median of ${rounds} × ${seconds} s in turn, ${routes} routes with limits and meters`;

export const edgeSmallBench = (rounds = 7, seconds = 1): Promise<Row[]> =>
  withStage(false, async (stage) => {
    const proxies = await startAll(stage);
    for (const proxy of proxies) await wrk(proxy, 1);
    const samples = await interleaved(proxies, rounds, (proxy) => wrk(proxy, seconds));
    const rows = throughputRows(
      "edge/h1-small",
      "requests/s",
      samples,
      `bar: ≥ 0.9 × HAProxy, ≥ 2.2 × Caddy; ${manner(rounds, seconds)}`,
    );
    const rate = Math.round(median(samples.get("croft")!.map(({ perSecond }) => perSecond)) / 2);
    // Caddy cannot keep up with half of that load.
    const able = proxies.filter(({ name }) => name !== "caddy");
    // The 99th percentile meets more of what else the machine does.
    const quietRounds = rounds === 1 ? 1 : rounds + 4;
    const quiet = await interleaved(able, quietRounds, (proxy) => steady(stage, proxy, { rate, seconds }));
    const figure = (name: Proxy["name"], of: "p99Ms" | "lateP99Ms"): number =>
      median(quiet.get(name)!.map((report) => report[of]));
    const broken = [...quiet.values()].flat().find(({ failed }) => failed > 0);
    if (broken !== undefined) throw new Error(`requests failed at half of the load: ${broken.example}`);
    rows.push(
      row("edge/h1-p99", {
        value: figure("croft", "p99Ms"),
        unit: "ms",
        peer: "haproxy",
        peerValue: figure("haproxy", "p99Ms"),
        note:
          `bar: ≤ 2 × HAProxy; ${rate} requests/s, half of Croft's most, from the moment each was due; the client ` +
          `itself was up to ${figure("croft", "lateP99Ms").toFixed(2)} ms late; ${manner(quietRounds, seconds)}`,
      }),
    );
    return rows;
  });

/** What it costs that each site's access log is written, too. */
export const edgeLogBench = (rounds = 5, seconds = 1): Promise<Row[]> =>
  withStage(false, async (stage) => {
    const plain = await stage.startCroft();
    const logged = await stage.startCroft();
    await logged.client.putTable({
      version: 2,
      routes: benchRoutes(stage.upstreams).map((route) => ({
        ...route,
        accessLog: { into: route.id, detail: "anonymous", maxBytes: 16 * 2 ** 20, keptDays: 7 },
      })),
    });
    const samples: [Sample[], Sample[]] = [[], []];
    for (const proxy of [plain, logged]) await wrk(proxy, 1);
    for (let round = 0; round < rounds; round++) {
      samples[0].push(await wrk(plain, seconds));
      samples[1].push(await wrk(logged, seconds));
    }
    const note = `no bar: access log of every request, addresses shortened; ${manner(rounds, seconds)}`;
    const beside = (name: string, unit: string, of: (sample: Sample) => number): Row => {
      const [peerValue, value] = samples.map((it) => median(it.map(of))) as [number, number];
      return row(name, { value, unit, peer: "without a log", peerValue, note });
    };
    return [
      beside("edge/access-log", "requests/s", ({ perSecond }) => perSecond),
      beside("edge/access-log-cpu", "µs of CPU each", ({ cpuMicros }) => cpuMicros),
    ];
  });

/** TLS 1.3 with the same P-256 certificate: kept connections, and a full handshake for every request. */
export const edgeTlsBench = (rounds = 5, seconds = 1): Promise<Row[]> =>
  withStage(true, async (stage) => {
    const proxies = await startAll(stage);
    const once = { fields: ["Connection: close"] };
    for (const proxy of proxies) await wrk(proxy, 1);
    const kept = await interleaved(proxies, rounds, (proxy) => wrk(proxy, seconds));
    const shaken = await interleaved(proxies, rounds, (proxy) => wrk(proxy, seconds, once));
    const how = `TLS 1.3, P-256, ${manner(rounds, seconds)}`;
    return [
      ...throughputRows("edge/h1-tls", "requests/s", kept, `bar: ≥ 0.85 × HAProxy; ${how}`),
      ...throughputRows("edge/handshakes", "handshakes/s", shaken, `bar: ≥ 0.9 × HAProxy; ${how}`),
    ];
  });

/** HTTP/2 over TLS 1.3 in, HTTP/1.1 to the upstream. */
export const edgeH2Bench = (rounds = 5, seconds = 1): Promise<Row[]> =>
  withStage(true, async (stage) => {
    const proxies = await startAll(stage, true);
    for (const proxy of proxies) await h2load(proxy, 1);
    const samples = await interleaved(proxies, rounds, (proxy) => h2load(proxy, seconds));
    const note = `bar: ≥ 1 × Caddy; ${h2Connections} connections × ${h2Streams} streams, median of ${rounds} × ${seconds} s in turn, ${routes} routes, TLS 1.3, P-256`;
    return throughputRows("edge/h2-tls", "requests/s", samples, note);
  });
