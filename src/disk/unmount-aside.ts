import { mounts } from "./mounts.ts";
import { runTool } from "./run-tool.ts";

/**
 * Unmounts volumes that a restore put aside with their folder: their images lie there too, and stay. Those that
 * something still uses are left.
 */
export const unmountAside = async (dataDir: string): Promise<void> => {
  const aside = (await mounts()).filter(({ folder }) => folder.startsWith(`${dataDir}/before-restore-`));
  for (const { folder } of aside.toReversed()) await runTool(["umount", "--", folder]);
};
