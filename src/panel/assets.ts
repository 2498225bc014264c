import { Hono } from "hono";
import { bundleAssets } from "./assets.macro.ts" with { type: "macro" };
import type { BundledFile } from "./assets.macro.ts";
import { icon } from "./icon.ts";

interface Asset {
  type: string;
  plain: Uint8Array<ArrayBuffer>;
  gzipped: Uint8Array<ArrayBuffer>;
  etag: string;
}

const types: Record<string, string> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

const iconHash = Bun.hash(icon).toString(36);
const bundled: BundledFile[] = [
  ...bundleAssets(),
  { name: `icon.${iconHash}.svg`, kind: "asset", text: icon },
];

const assets = new Map<string, Asset>(
  bundled.map((file) => {
    const plain = new TextEncoder().encode(file.text);
    return [
      file.name,
      {
        type: types[file.name.split(".").at(-1)!] ?? "application/octet-stream",
        plain,
        gzipped: Bun.gzipSync(plain, { level: 9 }),
        etag: `"${Bun.hash(plain).toString(36)}"`,
      },
    ];
  }),
);

export type AssetName =
  | "panel.css"
  | "icon.svg"
  | "page.js"
  | "access-log.js"
  | "deployment.js"
  | "live.js"
  | "site-log.js"
  | "terminal.js"
  | "usage-chart.js";

/** `/assets/page.1a2b3c4d.js` of `page.js`. */
export const assetPath = (name: AssetName): string => {
  const [base, extension] = name.split(".");
  const file = bundled.find(
    (one) =>
      one.name.startsWith(`${base}.`) &&
      one.name.endsWith(`.${extension}`) &&
      one.name.split(".").length === 3,
  );
  if (!file) throw new Error(`no asset ${name} was bundled`);
  return `/assets/${file.name}`;
};

/** Bytes on the wire of an asset, for tests of the pages' weight. */
export const assetGzipBytes = (path: string): number =>
  assets.get(path.replace("/assets/", ""))?.gzipped.byteLength ?? 0;

/** Serves `/assets/*`: the hash in the name makes them immutable. */
export const assetRoutes = (): Hono => {
  const app = new Hono();
  app.get("/assets/:name", (c) => {
    const asset = assets.get(c.req.param("name"));
    if (!asset) return c.text("no such file", 404);
    c.header("Cache-Control", "public, max-age=31536000, immutable");
    c.header("ETag", asset.etag);
    c.header("Vary", "Accept-Encoding");
    if (c.req.header("If-None-Match") === asset.etag) return c.body(null, 304);
    c.header("Content-Type", asset.type);
    if (!/\bgzip\b/.test(c.req.header("Accept-Encoding") ?? "")) return c.body(asset.plain);
    c.header("Content-Encoding", "gzip");
    return c.body(asset.gzipped);
  });
  return app;
};
