import type { RemoteHeads } from "../git/source.ts";

const deadlineMs = 10_000;
/** Each is two processes and a connection to wherever somebody says. */
const mostAtOnce = 8;

/**
 * The branch a repository itself calls its main one; null when it does not say in time. Anybody with an account can
 * ask, so only a few are asked for at once: beyond that the answer is null, too, and the site is made all the same.
 */
export const createDefaultBranch = (
  listRemote: (url: string, signal: AbortSignal) => Promise<RemoteHeads>,
): ((url: string) => Promise<string | null>) => {
  let asking = 0;
  return async (url) => {
    if (asking >= mostAtOnce) return null;
    asking++;
    try {
      return (await listRemote(url, AbortSignal.timeout(deadlineMs))).head;
    } catch {
      return null;
    } finally {
      asking--;
    }
  };
};
