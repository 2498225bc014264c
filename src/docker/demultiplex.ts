/**
 * Splits Docker's attach format (8-byte head: stream, three zeros, length big-endian; Engine API "Attach to a
 * container") without ever holding a frame: its bytes are passed on as they come.
 * @param onBytes stream 1 is stdout, 2 stderr
 */
export const createDemultiplexer = (onBytes: (stream: number, bytes: Uint8Array) => void) => {
  const head = new Uint8Array(8);
  let headLength = 0;
  let stream = 1;
  let remaining = 0;
  return (chunk: Uint8Array): void => {
    let at = 0;
    while (at < chunk.length) {
      if (remaining > 0) {
        const take = Math.min(remaining, chunk.length - at);
        onBytes(stream, chunk.subarray(at, at + take));
        remaining -= take;
        at += take;
        continue;
      }
      const take = Math.min(8 - headLength, chunk.length - at);
      head.set(chunk.subarray(at, at + take), headLength);
      headLength += take;
      at += take;
      if (headLength < 8) return;
      headLength = 0;
      stream = head[0]!;
      remaining = new DataView(head.buffer).getUint32(4);
    }
  };
};
