import { mounts } from "../disk/mounts.ts";

/** Unmounts all that is mounted at a folder or below it, so that the folder can be removed. */
export const unmountBelow = async (folder: string): Promise<void> => {
  const below = (await mounts()).filter((mount) => `${mount.folder}/`.startsWith(`${folder}/`));
  for (const mount of below.toReversed()) Bun.spawnSync(["umount", "--lazy", "--", mount.folder]);
};
