/**
 * Text that is made as the client takes it: what it does not take is not made, and nothing more once it has left.
 * @param text pieces; an empty one says that its maker is still at it
 */
export const textStream = (text: AsyncGenerator<string>): ReadableStream<Uint8Array> => {
  const encoder = new TextEncoder();
  let cancelled = false;
  return new ReadableStream({
    async pull(controller) {
      let piece = await text.next();
      while (!cancelled && piece.done !== true && piece.value === "") piece = await text.next();
      if (cancelled) return;
      if (piece.done === true) controller.close();
      else controller.enqueue(encoder.encode(piece.value));
    },
    async cancel() {
      cancelled = true;
      await text.return(undefined);
    },
  });
};
