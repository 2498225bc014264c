export interface BundledFile {
  /** `page.1a2b3c4d.js`: the hash is of the content. */
  name: string;
  kind: string;
  text: string;
}

/**
 * Bundles styles and islands while the importing file is transpiled: at start in a checkout, so that there is
 * no build step to forget, and once for good when the binary is compiled. In a process of its own, since
 * `Bun.build` inside a macro would wait for itself.
 */
export const bundleAssets = (): BundledFile[] => {
  const result = Bun.spawnSync([process.execPath, `${import.meta.dir}/assets.bundle.ts`], {
    // Bun passes its own flags on by environment; a bundling child must not inherit a test runner's.
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/" },
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
  });
  if (result.exitCode !== 0) throw new Error(`bundling the panel failed: ${result.stderr.toString()}`);
  return JSON.parse(result.stdout.toString()) as BundledFile[];
};
