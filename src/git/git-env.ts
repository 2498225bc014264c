/** One `key = value` of git configuration. */
export type GitConfig = readonly [key: string, value: string];

/**
 * Configuration that holds for every git process that Croft starts. Given by environment (`GIT_CONFIG_COUNT`,
 * git-config(1)), which outranks files, so that neither the host nor a repository can change it.
 */
const always: readonly GitConfig[] = [
  ["safe.directory", "*"], // the data directory may belong to another user than the daemon's
  ["core.hooksPath", "/dev/null"],
  ["core.attributesFile", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["credential.helper", ""],
  ["gc.auto", "0"],
  ["maintenance.auto", "false"],
  ["receive.autogc", "false"],
  ["submodule.recurse", "false"],
  // Bounds on memory: what is larger than this is streamed, and packs are mapped in small windows.
  ["core.bigFileThreshold", "16m"],
  ["core.packedGitWindowSize", "16m"],
  ["core.packedGitLimit", "256m"],
  ["core.deltaBaseCacheLimit", "32m"],
  ["pack.threads", "1"],
  ["pack.windowMemory", "64m"],
  ["transfer.fsckObjects", "true"],
  // Old but harmless flaws of real histories, which public hosts accept too.
  ...["receive", "fetch"].flatMap((side): GitConfig[] => [
    [`${side}.fsck.zeroPaddedFilemode`, "ignore"],
    [`${side}.fsck.missingSpaceBeforeDate`, "ignore"],
    [`${side}.fsck.badTimezone`, "ignore"],
  ]),
];

/**
 * The whole environment of a git process: nothing of the daemon's own, no system or user configuration, no
 * prompts, plain English messages. Later entries of `config` win over the fixed ones.
 */
export const gitEnv = (
  config: readonly GitConfig[] = [],
  extra: Record<string, string> = {},
): Record<string, string> => {
  const env: Record<string, string> = {
    PATH: process.env.PATH || "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/nonexistent",
    XDG_CONFIG_HOME: "/nonexistent",
    LC_ALL: "C.UTF-8",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_ALLOW_PROTOCOL: "https",
    ...extra,
  };
  const entries = [...always, ...config];
  env.GIT_CONFIG_COUNT = String(entries.length);
  entries.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
};
