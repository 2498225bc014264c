export interface StreamHandlers {
  /** Each time the stream is there, the first time too. */
  opened(): void;
  /** One sentence for people while it is away; null when it is back. */
  said(sentence: string | null): void;
  /** With the last id seen, empty before the first. */
  events: Record<string, (data: unknown, id: string) => void>;
  /** Event after which nothing follows. */
  last?: string;
}

const longestWaitMs = 30_000;

/**
 * An EventSource that comes back by itself, resumed by the last id seen: the browser does so after a broken
 * connection, and this after a refusal, which browsers take as final.
 */
export const openStream = (url: () => string, handlers: StreamHandlers): void => {
  let waitMs = 1000;
  let lost = false;
  let source: EventSource | null = null;

  const connect = () => {
    const current = new EventSource(url());
    source = current;
    current.addEventListener("open", () => {
      waitMs = 1000;
      if (lost) handlers.said("Connected again.");
      if (lost) setTimeout(() => !lost && handlers.said(null), 4000);
      lost = false;
      handlers.opened();
    });
    current.addEventListener("error", () => {
      if (current !== source) return;
      lost = true;
      if (current.readyState !== EventSource.CLOSED)
        return handlers.said("The connection was lost; trying again. Nothing is missed.");
      handlers.said(
        `The connection was lost; trying again in ${Math.round(waitMs / 1000)} s. Nothing is missed.`,
      );
      setTimeout(connect, waitMs);
      waitMs = Math.min(longestWaitMs, waitMs * 2);
    });
    for (const [name, handle] of Object.entries(handlers.events))
      current.addEventListener(name, (event) => {
        if (name === handlers.last) {
          source = null;
          current.close();
        }
        const { data, lastEventId } = event as MessageEvent<string>;
        handle(JSON.parse(data), lastEventId);
      });
  };
  connect();
};
