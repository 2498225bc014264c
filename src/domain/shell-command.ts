const shellWords = new Set(
  (
    "if then else elif fi for while until do done case esac { } ! [ [[ ( : . source cd export set unset eval exec " +
    "readonly local alias unalias trap umask ulimit wait read test time function command shift return break continue exit getopts hash jobs fg bg type"
  ).split(" "),
);

/**
 * A person's command line as argv for a container. Debian's shell stays in front of what it starts and does not
 * hand on SIGTERM, so an app behind it could never end in order: where the last command of the line is a single
 * program, the shell is told to become it (`exec`). A line that cannot be told apart safely is left as it is.
 */
export const shellCommand = (commandLine: string): string[] => [
  "/bin/sh",
  "-c",
  withExec(commandLine.trim()),
];

const withExec = (line: string): string => {
  // quoted parts are blanked, so that what looks like an operator in them counts for nothing
  const bare = line.replace(/"(?:[^"\\`$]|\$\w|\$\{\w+\})*"|'[^']*'/g, (quoted) => "_".repeat(quoted.length));
  if (
    /[|()`\n#\\"'{}<]|\$\(|(?<![&>])&(?!&)/.test(bare.replace(/\$\{\w+\}/g, (use) => "_".repeat(use.length)))
  )
    return line;
  // a trap is lost with its shell
  if (/\btrap\b/.test(bare)) return line;
  const chain = /^(?:.*(?:&&|;))?\s*/.exec(bare)![0].length;
  const last = /^((?:[A-Za-z_]\w*=\S*\s+)*)([\w./@+-]+)(?=\s|$)/.exec(bare.slice(chain));
  if (!last || shellWords.has(last[2]!)) return line;
  // `exec A=1 node` would look for a program of that name
  return `${line.slice(0, chain)}exec ${last[1] === "" ? "" : "env "}${line.slice(chain)}`;
};
