import { type DiskSpace, reserveBytes, type VolumeKind } from "../domain/disk.ts";
import { formatBytes } from "../domain/size.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

export interface DiskFacts {
  /** What new volumes are. */
  volumes: { kind: VolumeKind; detail: string };
  /** Volumes of sites that are folders, of how many. */
  folders: number;
  all: number;
  /** File systems that sites can fill. */
  spaces: DiskSpace[];
}

export const diskFindings = ({ volumes, folders, all, spaces }: DiskFacts): Finding[] => [
  volumes.kind === "loop"
    ? ok("volumes", `${volumes.detail}; writes beyond their size are refused${leftOver(folders, all)}`)
    : warn(
        "volumes",
        `${volumes.detail}; what is in them is measured and then acted on`,
        "for sizes that are hard, run Croft as root with e2fsprogs and util-linux installed, and CROFT_VOLUME_KIND=auto",
      ),
  ...spaces.map(reserve),
];

const leftOver = (folders: number, all: number): string =>
  folders === 0 ? "" : `; ${folders} of ${all} are folders from before, and measured`;

const reserve = ({ freeBytes, totalBytes }: DiskSpace): Finding => {
  const reserved = reserveBytes(totalBytes);
  const words = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free, of which sites never get the last ${formatBytes(reserved)}`;
  return freeBytes < reserved
    ? fail(
        "disk reserve",
        `${words}: whoever writes most now is stopped`,
        "docker image prune, remove sites and backups that nobody needs, or a larger disk",
      )
    : ok("disk reserve", words);
};
