/** A client of the terminal's protocol that keeps what it heard. */
export interface TerminalClient {
  socket: WebSocket;
  /** Output as text; of commands without a terminal, stdout and stderr together. */
  output(): string;
  /** Messages in text, parsed, oldest first. */
  said(): { type: string; [field: string]: unknown }[];
  say(message: object): void;
  type(text: string): void;
  /** Resolves when it is closed, with its code; 1002 and 1006 stand for a refused upgrade. */
  closed: Promise<{ code: number; reason: string }>;
}

/** @param start sent as soon as it is open; null sends nothing */
export const terminalClient = (
  url: string,
  headers: Record<string, string>,
  start: object | null = { terminal: { columns: 80, rows: 24 } },
  protocol = "croft.terminal.v1",
): TerminalClient => {
  const socket = new WebSocket(url, {
    protocols: [protocol],
    headers,
    tls: { rejectUnauthorized: false, serverName: headers.host },
  } as unknown as string[]);
  socket.binaryType = "arraybuffer";
  const decoder = new TextDecoder();
  let output = "";
  const said: { type: string }[] = [];
  const framed = start !== null && !("terminal" in start);
  socket.onopen = () => {
    if (start) socket.send(JSON.stringify({ type: "start", ...start }));
  };
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === "string") said.push(JSON.parse(data) as { type: string });
    else output += decoder.decode(new Uint8Array(data).subarray(framed ? 1 : 0), { stream: true });
  };
  return {
    socket,
    output: () => output,
    said: () => said,
    say: (message) => socket.send(JSON.stringify(message)),
    type: (text) => socket.send(new TextEncoder().encode(text)),
    closed: new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => resolve({ code, reason });
    }),
  };
};
