import type { PanelApp } from "./panel-app.ts";
import { owner } from "./panel-app.ts";

interface Evaluating {
  evaluate(script: string): Promise<unknown>;
}

/** Serves the app on a port of its own. */
export const serve = ({ app }: PanelApp) => {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: (request) => app.fetch(request, { peerIp: "127.0.0.1", viaEdge: false }),
  });
  return { origin: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
};

/** Chromium on the panel, with everything that a page complains about written down. */
export const openBrowser = async (origin: string) => {
  const complaints: string[] = [];
  const view = new Bun.WebView({
    width: 1280,
    height: 800,
    backend: { type: "chrome", url: false, argv: ["--no-sandbox", "--hide-scrollbars"] },
    console: (type, ...args) => {
      if (type === "error" || type === "warn") complaints.push(`${type}: ${args.join(" ")}`);
    },
  });
  await view.navigate(`${origin}/sign-in`);
  await view.cdp("Log.enable");
  view.addEventListener("Log.entryAdded", (event) => {
    const { entry } = (event as MessageEvent<{ entry: { level: string; text: string } }>).data;
    // Connections that break and forms that are refused are what some tests are about; browsers report them all.
    if (!/ERR_INCOMPLETE_CHUNKED_ENCODING|status of (?:503|422)/.test(entry.text))
      complaints.push(`${entry.level}: ${entry.text}`);
  });
  await view.cdp("Runtime.enable");
  view.addEventListener("Runtime.exceptionThrown", (event) => {
    complaints.push(JSON.stringify((event as MessageEvent<unknown>).data));
  });

  const size = async (width: number, height: number) =>
    view.cdp("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 700,
    });
  const scripts = (on: boolean) => view.cdp("Emulation.setScriptExecutionDisabled", { value: !on });
  return {
    view,
    complaints,
    size,
    scripts,
    /** Fills in the sign-in page as a person does. */
    signIn: async () => {
      await view.navigate(`${origin}/sign-in`);
      await view.evaluate(`document.getElementById("username").focus()`);
      await view.type(owner.username);
      await view.press("Tab");
      await view.type(owner.password);
      await view.press("Enter");
      await until(view, `location.pathname === "/" && document.readyState === "complete"`);
    },
    go: async (path: string) => {
      const leave = () => view.navigate(`${origin}${path}`);
      // A page that is just being loaded takes the command to its grave.
      await leave().catch((error: Error) => {
        if (!/navigated or closed/.test(error.message)) throw error;
        return leave();
      });
      // A page that was still loading may have ended the wait in place of this one.
      await until(
        view,
        `location.href === ${JSON.stringify(origin + path)} && document.readyState === "complete"`,
      );
    },
    text: async (selector: string) =>
      (await view.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`)) as string,
    until: (condition: string) => until(view, condition),
  };
};

const until = async (view: Evaluating, condition: string, deadlineMs = 20_000): Promise<void> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    // A page that is just being left cannot be asked.
    const held = await view.evaluate(condition).catch(() => false);
    if (held) return;
    if (performance.now() > end) throw new Error(`in vain waited for: ${condition}`);
    await Bun.sleep(30);
  }
};

export type Browser = Awaited<ReturnType<typeof openBrowser>>;
