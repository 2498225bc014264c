export interface ServerEvent {
  /** Last id seen so far; null before the first. */
  id: string | null;
  event: string;
  data: string;
}

/**
 * Server-sent events of one response body, as the HTML standard parses them ("9.2.6 Interpreting an event stream").
 * An event cut off by the end of the body is dropped. `onBytes` is called for every piece, heartbeats included.
 */
export const parseEventStream = async function* (
  body: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  let id: string | null = null;
  let event = "";
  let data: string[] = [];
  for await (const chunk of body) {
    onBytes();
    rest += decoder.decode(chunk, { stream: true });
    // A carriage return at the very end may be half of a line end; it waits for what follows.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield { id, event: event || "message", data: data.join("\n") };
        event = "";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "data") data.push(value);
      else if (field === "event") event = value;
      else if (field === "id" && !value.includes("\0")) id = value;
    }
  }
};
