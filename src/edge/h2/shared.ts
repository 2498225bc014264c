import { createHeadWriter } from "../head-writer.ts";
import { createHeaderList } from "./hpack-decoder.ts";
import { createRequestText } from "./request-text.ts";
import { closeSession } from "./session-end.ts";
import type { Shared } from "./state.ts";

export const createShared = (): Shared => ({
  list: createHeaderList(),
  text: createHeadWriter(),
  request: createRequestText(),
  spare: [],
  unwritten: [],
  writeDue: false,
  faulted(session, error) {
    session.edge.log.error("handling a visitor's frames failed", { error });
    closeSession(session, true);
  },
});
