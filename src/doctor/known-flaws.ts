/** A flaw of a version that tenants could use. */
export interface Flaw {
  id: string;
  what: string;
  /** A tenant's code gets out of its container. */
  escape: boolean;
}

interface KnownFlaw extends Flaw {
  part: "docker" | "containerd" | "runc";
  /** The first release of each branch that is without it, oldest branch first. */
  fixedIn: string[];
}

/** From the projects' security advisories. Only what code in a container, or its image, can make use of. */
const known: KnownFlaw[] = [
  {
    id: "CVE-2025-31133",
    part: "runc",
    fixedIn: ["1.2.8", "1.3.3"],
    what: "masked paths can be swapped for links, and the host be written to (with CVE-2025-52565, CVE-2025-52881)",
    escape: true,
  },
  {
    id: "CVE-2024-21626",
    part: "runc",
    fixedIn: ["1.1.12"],
    what: "a working directory leads out of the container",
    escape: true,
  },
  {
    id: "CVE-2022-23648",
    part: "containerd",
    fixedIn: ["1.4.13", "1.5.10", "1.6.1"],
    what: "an image's volume can name files of the host",
    escape: true,
  },
  {
    id: "CVE-2024-29018",
    part: "docker",
    fixedIn: ["23.0.11", "25.0.5", "26.0.0"],
    what: "names are looked up outside by containers without a way out",
    escape: false,
  },
  {
    id: "CVE-2024-24557",
    part: "docker",
    fixedIn: ["24.0.9", "25.0.2"],
    what: "the classic builder's cache can be poisoned by an image",
    escape: false,
  },
  {
    id: "CVE-2021-41091",
    part: "docker",
    fixedIn: ["20.10.9"],
    what: "other users of the host reach into containers' files",
    escape: false,
  },
];

const numbersOf = (version: string): [number, number, number] | null => {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  return match && [Number(match[1]), Number(match[2]), Number(match[3])];
};

const compare = (one: readonly number[], other: readonly number[]): number => {
  const at = one.findIndex((number, place) => number !== other[place]);
  return at < 0 ? 0 : one[at]! - other[at]!;
};

/** Fixed where its own branch is, or in a branch after all that had to be. */
const isFixed = (version: readonly number[], fixedIn: readonly string[]): boolean => {
  const fixes = fixedIn.map((text) => numbersOf(text)!);
  const branch = fixes.find(([major, minor]) => major === version[0] && minor === version[1]);
  return branch ? compare(version, branch) >= 0 : compare(version, fixes.at(-1)!) > 0;
};

/** Made by a distribution, which mends flaws without another upstream number: `20.10.24+dfsg1`, `1.1.5-0ubuntu1`. */
export const isDistributions = (version: string): boolean => /[+~]|ubuntu|deb|fc\d|\.el\d/.test(version);

/** What is known of a version; nothing of one that cannot be read, or that is a distribution's. */
export const flawsOf = (part: KnownFlaw["part"], version: string): Flaw[] => {
  const numbers = numbersOf(version);
  if (numbers === null || isDistributions(version)) return [];
  return known
    .filter((flaw) => flaw.part === part && !isFixed(numbers, flaw.fixedIn))
    .map(({ id, what, escape }) => ({ id, what, escape }));
};
