/** An image that builds may start from without being pulled by a tenant first. */
export interface BaseImage {
  /** Reference as in `FROM`. */
  name: string;
  runtime: "node" | "bun" | "python" | "debian";
  /** Of the runtime: major, or major.minor where that is what breaks programs. */
  version: string;
  purpose: string;
}

/** One list for everyone: `scripts/base-images` provides these, the plan step generates `FROM` from them. */
export const baseImages: readonly BaseImage[] = [
  { name: "debian:bookworm-slim", runtime: "debian", version: "12", purpose: "programs without a runtime" },
  { name: "node:22-bookworm-slim", runtime: "node", version: "22", purpose: "apps with a package.json" },
  { name: "oven/bun:1-slim", runtime: "bun", version: "1", purpose: "apps with a bun.lock" },
  { name: "python:3.11-slim-bookworm", runtime: "python", version: "3.11", purpose: "Python apps" },
];

/** The image that builds of this runtime start from. */
export const baseImageOf = (runtime: BaseImage["runtime"]): BaseImage =>
  baseImages.find((image) => image.runtime === runtime)!;
