/** A WebSocket on a site, which asks again and again and keeps what it hears. */
export interface TalkingSocket {
  /** Answers so far, in order. */
  readonly heard: string[];
  /** Close code, once the connection is over. */
  readonly closed: Promise<number>;
  close(): void;
}

const askEveryMs = 50;

/** Opens `/socket` of `loadApp`; resolves after the first answer. */
export const openSocket = async (port: number, host: string): Promise<TalkingSocket> => {
  const heard: string[] = [];
  const first = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<number>();
  // Bun's own second argument; the DOM's type wins in the checker.
  const socket = new (WebSocket as unknown as new (url: string, options: object) => WebSocket)(
    `ws://127.0.0.1:${port}/socket`,
    { headers: { host } },
  );
  let asked = 0;
  const timer = setInterval(() => {
    if (socket.readyState === WebSocket.OPEN) socket.send(String(++asked));
  }, askEveryMs);
  socket.onmessage = ({ data }) => {
    heard.push(String(data));
    first.resolve();
  };
  socket.onclose = ({ code }) => {
    clearInterval(timer);
    closed.resolve(code);
    first.reject(new Error(`the WebSocket closed with ${code} before an answer`));
  };
  await first.promise;
  return { heard, closed: closed.promise, close: () => socket.close(1000) };
};

export interface EventReader {
  /** `ID RELEASE` of each event, in order. */
  readonly heard: string[];
  /** Resolves when the stream is over, however it ended. */
  readonly ended: Promise<void>;
}

/** Opens `/events` of `loadApp`; resolves when the stream stands. */
export const openEvents = async (port: number, host: string): Promise<EventReader> => {
  const heard: string[] = [];
  const response = await fetch(`http://127.0.0.1:${port}/events`, { headers: { host } });
  if (!response.ok) throw new Error(`the event stream answered ${response.status}`);
  const read = async (): Promise<void> => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of response.body!) {
      text += decoder.decode(bytes, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const [, id, data] = /^id: (\d+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
        heard.push(`${id} ${data}`);
        text = text.slice(end + 2);
      }
    }
  };
  // At the drain's deadline the stream is cut, as a reset.
  return { heard, ended: read().catch(() => {}) };
};
