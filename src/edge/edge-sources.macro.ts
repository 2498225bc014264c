import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A name for the code that an edge runs, taken while the importing file is transpiled: of the checkout at start, of
 * the binary when it is compiled. Two builds of one version differ here, and only when the edge does.
 */
export const hashEdgeSources = (): string => {
  const root = join(import.meta.dir, "..");
  const paths = [...new Bun.Glob("{edge,domain}/**/*.ts").scanSync(root)]
    .filter((path) => !path.includes(".test.") && !path.includes("/testing/"))
    .sort();
  const hasher = new Bun.CryptoHasher("sha256");
  for (const path of paths) hasher.update(path).update(readFileSync(join(root, path)));
  return hasher.digest("hex").slice(0, 12);
};
