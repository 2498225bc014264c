/** What is counted of requests wherever they are summed; bytes count heads and bodies, times are in ms. */
export interface RequestCounts {
  requests: number;
  status2xx: number;
  status3xx: number;
  status4xx: number;
  status5xx: number;
  bytesIn: number;
  bytesOut: number;
  latencySumMs: number;
}

export const addCounts = (into: RequestCounts, from: RequestCounts): void => {
  into.requests += from.requests;
  into.status2xx += from.status2xx;
  into.status3xx += from.status3xx;
  into.status4xx += from.status4xx;
  into.status5xx += from.status5xx;
  into.bytesIn += from.bytesIn;
  into.bytesOut += from.bytesOut;
  into.latencySumMs += from.latencySumMs;
};
