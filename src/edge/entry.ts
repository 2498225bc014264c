import { stderrLog } from "../domain/log.ts";
import { publicMessageOf } from "../errors.ts";
import { edgeArguments, runEdge } from "./main.ts";

/**
 * The edge alone, without the rest of the program: what a staged copy runs, for a user who cannot read the
 * checkout. Same arguments as `croft edge`, and `--as-version` because there is no package file beside it.
 */
try {
  const args = process.argv.slice(2).filter((word, at) => !(at === 0 && word === "edge"));
  const named = args.indexOf("--as-version");
  const version = named < 0 ? "staged" : (args.splice(named, 2)[1] ?? "staged");
  await runEdge({ ...edgeArguments(args), version });
} catch (error) {
  stderrLog.error(publicMessageOf(error), { error });
  process.exit(1);
}
