/** Numbers of HTTP/2 (RFC 9113) and the bounds that the edge keeps. */

export const Frame = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes (RFC 9113 section 7). */
export const Code = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameHeadBytes = 9;
/** The longest frame payload taken from a visitor, and sent to one: what every peer must accept. */
export const maxPayloadBytes = 16_384;
/** Of DATA frames sent: four of them fill one write. */
export const dataBytes = maxPayloadBytes - frameHeadBytes;
export const maxWindow = 2 ** 31 - 1;
export const defaultWindow = 65_535;
/** Of a stream's request body: as much waits here when its upstream reads nothing. */
export const streamWindow = 256 * 1024;
/** Of all request bodies of a connection together. */
export const connectionWindow = 1024 * 1024;
export const maxStreams = 100;
/** Of a header block as it is sent, over all of its frames. */
export const maxBlockBytes = 64 * 1024;
export const maxContinuations = 16;
export const headerTableBytes = 4_096;

/** A connection that breaks the rules: it ends with GOAWAY and this code (RFC 9113 section 5.4.1). */
export class ConnectionError extends Error {
  constructor(
    readonly h2Code: number,
    what: string,
  ) {
    super(what);
  }
}
