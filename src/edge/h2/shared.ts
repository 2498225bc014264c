import { createHeadWriter } from "../head-writer.ts";
import { createHeaderList } from "./hpack-decoder.ts";
import { createRequestText } from "./request-text.ts";
import type { Shared } from "./state.ts";

export const createShared = (): Shared => ({
  list: createHeaderList(),
  text: createHeadWriter(),
  request: createRequestText(),
  spare: [],
  unwritten: [],
  writeDue: false,
});
