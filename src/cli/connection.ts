import { type Account, readAccount } from "./account-file.ts";
import type { Environment } from "./command.ts";
import { UsageError } from "./usage-error.ts";

const normalise = (name: string, text: string): string => {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`${name} must be an http:// or https:// address, not ${JSON.stringify(text)}`);
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
};

export const readUrl = normalise;

/** Where the daemon on this very machine listens. */
export const localUrl = (env: Environment): string => {
  if (env.CROFT_URL) return normalise("CROFT_URL", env.CROFT_URL);
  const listen = env.CROFT_LISTEN || "127.0.0.1:7300";
  const port = /(\d+)$/.exec(listen)?.[1] ?? "7300";
  const host = listen.slice(0, -port.length).replace(/:$/, "");
  const anyAddress = host === "" || host === "0.0.0.0" || host === "[::]";
  return `http://${anyAddress ? "127.0.0.1" : host}:${port}`;
};

/**
 * CROFT_URL and CROFT_TOKEN, then what `croft login` kept, then this machine. A kept key is never sent to another
 * address than the one it was made for.
 */
export const readConnection = async (env: Environment): Promise<{ url: string; token: string | null }> => {
  const account: Account | null = await readAccount(env);
  const url = env.CROFT_URL
    ? normalise("CROFT_URL", env.CROFT_URL)
    : env.CROFT_TOKEN || account === null
      ? localUrl(env)
      : account.url;
  const token = env.CROFT_TOKEN || (account?.url === url ? account.token : null);
  return { url, token };
};
