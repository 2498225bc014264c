/** How long the edge waits for whom, in ms. Kept by one coarse sweep, so each is late by up to `sweepMs`. */
export interface Deadlines {
  sweepMs: number;
  /** From the first byte of a head (or the accept) to its last: absolute, so dripping bytes does not extend it. */
  headMs: number;
  /** Between two requests on a connection. */
  keepAliveMs: number;
  /** Without progress of a request body. */
  bodyMs: number;
  /** Without progress of what the visitor should read; up to half of it longer for who took something meanwhile. */
  stallMs: number;
  connectMs: number;
  /** For another table, when every replica refuses the connection; 0: not at all. */
  newsMs: number;
  /** From the request's last byte to the answer's head. */
  answerMs: number;
  /** Without a byte of a running answer, or of a tunnel in either direction: event streams may be silent for long. */
  silenceMs: number;
  /** An answer without a length that runs for longer is taken for endless: it ends with the month's bandwidth. */
  endlessMs: number;
  /** Without a byte of an answer for a visitor who has sent FIN: whoever is gone resets what comes. */
  leaveMs: number;
  /** Reading on after the last answer of a connection, so that a reset does not overtake it. */
  lingerMs: number;
  /** An unused upstream connection; below the 5 s after which common servers close theirs. */
  upstreamIdleMs: number;
}

export const defaultDeadlines: Deadlines = {
  sweepMs: 250,
  headMs: 10_000,
  keepAliveMs: 75_000,
  bodyMs: 30_000,
  stallMs: 30_000,
  connectMs: 5_000,
  newsMs: 2_000,
  answerMs: 60_000,
  silenceMs: 3_600_000,
  endlessMs: 60_000,
  leaveMs: 1_000,
  lingerMs: 5_000,
  upstreamIdleMs: 4_000,
};
