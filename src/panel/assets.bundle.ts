// Run by assets.macro.ts: bundles styles and islands and prints them as JSON.
const entry = (path: string) => `${import.meta.dir}/${path}`;

const built = await Bun.build({
  entrypoints: [
    entry("panel.css"),
    entry("islands/page.ts"),
    entry("islands/access-log.tsx"),
    entry("islands/deployment.tsx"),
    entry("islands/live.ts"),
    entry("islands/site-log.tsx"),
    entry("islands/terminal.ts"),
    entry("islands/usage-chart.tsx"),
  ],
  target: "browser",
  splitting: true,
  minify: true,
  naming: { entry: "[name].[hash].[ext]", chunk: "part.[hash].[ext]", asset: "[name].[hash].[ext]" },
});

const files = await Promise.all(
  built.outputs.map(async (output) => ({
    name: output.path.replace(/^.*\//, ""),
    kind: output.kind,
    text: await output.text(),
  })),
);
process.stdout.write(JSON.stringify(files));
