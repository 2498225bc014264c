import { endSlice, setSlice } from "./systemd-slices.ts";

/**
 * The parent of all builds' slices, beside system.slice. An underscore: each dash of a slice's name is a level
 * (systemd.slice(5)).
 */
export const buildsSlice = "croft_build";

/**
 * Where Docker leaves groups to systemd, one slice for a build: `TasksMax` holds all that it starts.
 * @param weight `CPUWeight` of all builds together, 100 being that of all services
 * @returns its name for `cgroupparent`, and what ends it
 * @throws Error when systemd refuses
 */
export const openBuildSlice = async ({
  pids,
  weight,
}: {
  pids: number;
  weight: number;
}): Promise<{ name: string; close(): Promise<void> }> => {
  const name = `${buildsSlice}-${crypto.randomUUID().replaceAll("-", "")}.slice`;
  await setSlice(`${buildsSlice}.slice`, [`CPUWeight=${weight}`]);
  await setSlice(name, [`TasksMax=${pids}`]);
  return { name, close: () => endSlice(name) };
};
