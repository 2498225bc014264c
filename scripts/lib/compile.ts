import { unusedParts } from "../../src/docker/unused-parts.ts";

// Makes the binary: compile.ts OUTPUT [BUN_TARGET]. Without a target, the Bun that runs here goes in and nothing is
// downloaded.

const [outfile = "", target = ""] = process.argv.slice(2);

/** Empty modules for what dockerode loads and Croft does not use. */
const leaveOut: Bun.BunPlugin = {
  name: "parts of dockerode that are not used",
  setup(build) {
    const names = new Set<string>(unusedParts);
    const filter = new RegExp(`^(?:${unusedParts.join("|")})$`);
    build.onResolve({ filter }, ({ path, importer }) =>
      names.has(path) && /node_modules\/(?:dockerode|docker-modem)\//.test(importer)
        ? { path, namespace: "left-out" }
        : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({
      contents: "module.exports = {};",
      loader: "js",
    }));
  },
};

const { success, logs } = await Bun.build({
  entrypoints: ["src/main.ts"],
  // In chunks, so that the edge and a command load only what they use, and parsed ahead of time: without the two the
  // daemon takes twice as long to start and a command ten times.
  splitting: true,
  bytecode: true,
  format: "esm",
  minify: { whitespace: true, syntax: true, identifiers: true, keepNames: true },
  sourcemap: "linked",
  plugins: [leaveOut],
  compile: {
    outfile,
    ...(target !== "" && { target: target as Bun.Build.CompileTarget }),
    // It runs with great rights in whatever folder: it must not take settings from a .env or bunfig.toml there.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
});
for (const log of logs) console.error(String(log));
process.exit(success ? 0 : 1);
