/** @jsxImportSource hono/jsx */
import type { PropsWithChildren } from "hono/jsx";
import { type AssetName, assetPath } from "../assets.ts";
import { type Shell, ShellProvider } from "../shell.ts";
import { EdgeBanner } from "./edge-banner.tsx";
import { EngineBanner } from "./engine-banner.tsx";
import { Top } from "./top.tsx";

export interface DocumentProps {
  title: string;
  shell: Shell;
  scripts: AssetName[];
  /** Seconds after which a reader without JavaScript gets the page anew; for what is under way. */
  refreshSeconds: number | null;
}

/** A whole page. */
export const Document = (props: PropsWithChildren<DocumentProps>) => (
  <ShellProvider value={props.shell}>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${props.title} · Croft`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <link rel="icon" type="image/svg+xml" href={assetPath("icon.svg")} />
        <link rel="stylesheet" href={assetPath("panel.css")} />
        {["page.js" as const, ...props.scripts].map((name) => (
          <script type="module" src={assetPath(name)} />
        ))}
        {props.refreshSeconds !== null && (
          <noscript>
            <meta http-equiv="refresh" content={String(props.refreshSeconds)} />
          </noscript>
        )}
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to content
        </a>
        <Top />
        <EngineBanner />
        <EdgeBanner />
        <main id="main" tabindex={-1}>
          {props.shell.notice && (
            <p class="notice" role="status">
              {props.shell.notice}
            </p>
          )}
          {props.children}
        </main>
      </body>
    </html>
  </ShellProvider>
);
