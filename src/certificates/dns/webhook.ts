import type { DnsProvider } from "./provider.ts";

const answerMs = 20_000;

/**
 * A service of one's own that puts records in place: `POST <url>/present` and `/cleanup` with `{fqdn, value}` and
 * basic authentication, as the `httpreq` provider of lego has it.
 */
export const createWebhook = (
  { url, username, password, zone }: { url: string; username: string; password: string; zone: string },
  deps: { userAgent: string },
): DnsProvider => {
  const tell = async (act: string, name: string, value: string, signal: AbortSignal): Promise<void> => {
    const address = `${url.replace(/\/+$/, "")}/${act}`;
    let status: number;
    try {
      const response = await fetch(address, {
        method: "POST",
        redirect: "error",
        headers: {
          "content-type": "application/json",
          "user-agent": deps.userAgent,
          authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
        },
        body: JSON.stringify({ fqdn: `${name}.`, value }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
      });
      ({ status } = response);
      await response.body?.cancel();
    } catch {
      signal.throwIfAborted();
      throw new Error(`the webhook of ${zone} does not answer`);
    }
    // Without its address, which is not for those whose names it helps.
    if (status < 200 || status > 299)
      throw new Error(`the webhook of ${zone} answers ${act} with status ${status}`);
  };
  return {
    server: null,
    present: (name, value, signal) => tell("present", name, value, signal),
    cleanUp: (name, value, signal) => tell("cleanup", name, value, signal),
  };
};
