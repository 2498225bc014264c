/** @jsxImportSource hono/jsx */
import type { Word } from "../words.ts";

/** A state as a coloured word; the word alone says it all, for those who don't see the colour. */
export const Badge = ({ word, id }: { word: Word; id?: string }) => (
  <span class={`badge ${word.tone}`} id={id}>
    {word.text}
  </span>
);
