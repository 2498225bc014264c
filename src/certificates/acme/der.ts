/** The few shapes of DER (ITU-T X.690) that a certificate request is made of. */
const tagged = (tag: number, ...parts: Uint8Array[]): Uint8Array => {
  const content = Buffer.concat(parts);
  const length: number[] = [];
  if (content.length < 128) length.push(content.length);
  else {
    for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
    length.unshift(128 + length.length);
  }
  return Buffer.concat([Uint8Array.from([tag, ...length]), content]);
};

export const sequence = (...parts: Uint8Array[]): Uint8Array => tagged(0x30, ...parts);
export const set = (...parts: Uint8Array[]): Uint8Array => tagged(0x31, ...parts);
export const octets = (content: Uint8Array): Uint8Array => tagged(0x04, content);
export const bits = (content: Uint8Array): Uint8Array => tagged(0x03, Uint8Array.of(0), content);
export const smallInteger = (value: number): Uint8Array => tagged(0x02, Uint8Array.of(value));
/** Constructed context-specific tag, such as `[0]`. */
export const context = (number: number, ...parts: Uint8Array[]): Uint8Array =>
  tagged(0xa0 + number, ...parts);
/** Primitive context-specific tag. */
export const implicit = (number: number, content: Uint8Array): Uint8Array => tagged(0x80 + number, content);

/** @param dotted such as 1.2.840.10045.4.3.2 */
export const objectIdentifier = (dotted: string): Uint8Array => {
  const [first, second, ...rest] = dotted.split(".").map(Number) as [number, number, ...number[]];
  const bytes: number[] = [];
  for (const value of [first * 40 + second, ...rest]) {
    const group = [value % 128];
    for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128))
      group.unshift((left % 128) + 128);
    bytes.push(...group);
  }
  return tagged(0x06, Uint8Array.from(bytes));
};
