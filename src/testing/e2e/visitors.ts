import type { TestCroft } from "./croft.ts";

export interface Visitors {
  /** Ends them; resolves once their last answers are in. */
  stop(): Promise<{ count: number; failures: string[]; bodies: string[] }>;
}

/**
 * Two people who visit one site through the edge without pause, each on a connection of its own per request. Any
 * answer but 200 and any broken connection is a failure.
 */
export const keepVisiting = (croft: TestCroft, host: string, path = "/"): Visitors => {
  let stopped = false;
  let count = 0;
  const failures: string[] = [];
  /** Each different one once. */
  const bodies = new Set<string>();
  const visit = async (): Promise<void> => {
    while (!stopped) {
      try {
        const { status, body } = await croft.visit(host, path, {
          headers: { connection: "close" },
          signal: AbortSignal.timeout(20_000),
        });
        count++;
        bodies.add(body.trim());
        if (status !== 200)
          failures.push(
            `${new Date().toISOString()} ${status} ${/<p>.*/.exec(body)?.[0] ?? body.slice(0, 200)}`,
          );
      } catch (error) {
        failures.push(`${new Date().toISOString()} ${String(error)}`);
      }
      await Bun.sleep(15);
    }
  };
  const running = [visit(), visit()];
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(running);
      return { count, failures, bodies: [...bodies] };
    },
  };
};
