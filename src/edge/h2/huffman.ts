/**
 * Decoder of HPACK's Huffman code (RFC 7541 section 5.2 and appendix B). The code is canonical, so the lengths
 * say all: codes are given in the order of length, then symbol.
 */
const lengths = Buffer.from(
  [
    "13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28",
    "6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10",
    "13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6",
    "15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28",
    "20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24",
    "22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23",
    "26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27",
    "20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26",
    // The end of string, which never stands in a text.
    "30",
  ]
    .join(" ")
    .split(" ")
    .map(Number),
);

const endOfString = 256;

/** A tree over bits: `next[node * 2 + bit]` is a node (> 0), or a symbol as `-1 - symbol`. */
const buildTree = (): { next: Int16Array; nodes: number } => {
  const next = new Int16Array(1024);
  let nodes = 1;
  let code = 0;
  for (let length = 1; length <= 30; length++, code *= 2)
    for (let symbol = 0; symbol <= endOfString; symbol++) {
      if (lengths[symbol] !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const at = node * 2 + ((code >>> bit) & 1);
        if (next[at] === 0) next[at] = nodes++;
        node = next[at]!;
      }
      next[node * 2 + (code & 1)] = -1 - symbol;
      code++;
    }
  return { next, nodes };
};

const emits = 0x100;
const fails = 0x200;

/**
 * Four bits at a time: `steps[node * 16 + nibble]` is `target << 16 | flags | symbol`. The shortest code has five
 * bits, so a nibble ends one symbol at most.
 */
const { steps, mayEnd } = ((): { steps: Uint32Array; mayEnd: Uint8Array } => {
  const { next, nodes } = buildTree();
  const table = new Uint32Array(nodes * 16);
  for (let from = 0; from < nodes; from++)
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = from;
      let entry = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const to = next[node * 2 + ((nibble >>> bit) & 1)]!;
        if (to >= 0) node = to;
        else {
          const symbol = -1 - to;
          entry |= symbol === endOfString ? fails : emits | symbol;
          node = 0;
        }
      }
      table[from * 16 + nibble] = entry | (node << 16);
    }
  // Padding is at most seven bits, all ones: the start of the end-of-string code.
  const ends = new Uint8Array(nodes);
  let node = 0;
  for (let bits = 0; bits <= 7; bits++) {
    ends[node] = 1;
    node = next[node * 2 + 1]!;
  }
  return { steps: table, mayEnd: ends };
})();

/**
 * Decodes `input[from, to)` into `out` from `at` on; `out` needs room for 8/5 of the input.
 * @returns the position after the text, -1 when it is not a valid code
 */
export const decodeHuffman = (
  input: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  at: number,
): number => {
  let node = 0;
  let end = at;
  for (let i = from; i < to; i++) {
    const byte = input[i]!;
    const high = steps[node * 16 + (byte >>> 4)]!;
    if ((high & fails) !== 0) return -1;
    if ((high & emits) !== 0) out[end++] = high & 0xff;
    const low = steps[(high >>> 16) * 16 + (byte & 15)]!;
    if ((low & fails) !== 0) return -1;
    if ((low & emits) !== 0) out[end++] = low & 0xff;
    node = low >>> 16;
  }
  return mayEnd[node] === 1 ? end : -1;
};
