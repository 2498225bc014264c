/**
 * The body of an answer as text.
 * @throws RangeError when it is longer: who answers is not believed to be friendly
 */
export const boundedText = async (response: Response, mostBytes: number): Promise<string> => {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > mostBytes) throw new RangeError(`longer than ${mostBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
};
