import { AppError } from "../errors.ts";
import type { Address } from "./edge-arguments.ts";
import { listen } from "./edge.ts";
import type { Edge } from "./state.ts";
import { listenTls } from "./tls/tls-listener.ts";

/** Where an edge accepts visitors. */
export interface Listening {
  /** As bound: a port 0 is one by now. */
  readonly plain: Address[];
  readonly secure: Address[];
  /** As in `EdgeHealth`. */
  readonly texts: string[];
  certificatesChanged(): void;
  /** Accepts nothing more; what was accepted goes on, handshakes too. */
  retire(): void;
  /** TLS handshakes under way. */
  handshakes(): number;
  /** Accepts nothing more; handshakes end. */
  stop(): void;
  /** Waits until what was given away is with the kernel, at most 5 s. Call after `stop`. */
  flushed(): Promise<void>;
}

/** @throws AppError `unavailable` when an address cannot be bound */
export const listenOn = async (
  edge: Edge,
  wanted: { listen: Address[]; listenTls: Address[]; http2: boolean },
): Promise<Listening> => {
  const listeners = wanted.listen.map((address) => listen(edge, address));
  const tlsListeners = await Promise.all(
    wanted.listenTls.map((address) => listenTls(edge, { ...address, http2: wanted.http2 })),
  );
  edge.httpsPort = tlsListeners[0]?.port ?? null;
  const addressOf = ({ hostname, port }: { hostname: string; port: number }) => ({ host: hostname, port });
  const all = [...listeners, ...tlsListeners];
  return {
    plain: listeners.map(addressOf),
    secure: tlsListeners.map(addressOf),
    texts: [
      ...listeners.map(({ hostname, port }) => `${hostname}:${port}`),
      ...tlsListeners.map(({ hostname, port }) => `https://${hostname}:${port}`),
    ],
    certificatesChanged() {
      for (const listener of tlsListeners) listener.certificatesChanged();
    },
    retire() {
      for (const listener of listeners) listener.stop();
      for (const listener of tlsListeners) listener.retire();
    },
    handshakes: () => tlsListeners.reduce((sum, listener) => sum + listener.handshakes(), 0),
    stop() {
      for (const listener of all) listener.stop();
    },
    async flushed() {
      await Promise.all(tlsListeners.map((listener) => listener.flushed()));
    },
  };
};

/** A process that was killed keeps its addresses until its last thread is gone. */
const patienceMs = 700;
const pollMs = 35;

/**
 * Sharing an address would go unnoticed where both sides allow it: asked first, whether anybody else has it, and for
 * longer than a moment.
 * @throws AppError `unavailable` naming the address and why it cannot be had
 */
export const refuseTaken = async ({ host, port }: Address): Promise<void> => {
  if (port === 0) return;
  for (const endsAtMs = performance.now() + patienceMs; ; await Bun.sleep(pollMs)) {
    try {
      Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true);
      return;
    } catch (cause) {
      const { code } = cause as { code?: string };
      if (code !== "EADDRINUSE" || performance.now() > endsAtMs) throw cannotBind({ host, port }, cause);
    }
  }
};

export const cannotBind = ({ host, port }: Address, cause: unknown): AppError => {
  const { code } = cause as { code?: string };
  const why =
    code === "EADDRINUSE"
      ? "is taken by another program"
      : code === "EACCES"
        ? "may not be bound by this user"
        : "cannot be bound";
  return new AppError("unavailable", `the edge's address ${host}:${port} ${why}`, { cause });
};

/** The port of an address as `EdgeHealth` lists it. */
export const portOf = (text: string): number => Number(text.slice(text.lastIndexOf(":") + 1));
