const signals: Record<number, string> = {
  6: "aborted (SIGABRT)",
  9: "was killed from outside (SIGKILL)",
  11: "crashed (SIGSEGV)",
  15: "was told to end from outside (SIGTERM), as when Docker is stopped",
};

/**
 * How a container's main process ended, to follow "the app". Exit codes above 128 are signals (bash(1), EXIT STATUS),
 * 126 and 127 those of a shell that could not start what it was told.
 */
export const exitSentence = (exitCode: number | null): string => {
  if (exitCode === null) return "ended";
  const signal = exitCode > 128 && exitCode < 160 ? exitCode - 128 : null;
  if (signal !== null) return signals[signal] ?? `was ended by signal ${signal}`;
  const hint =
    exitCode === 127
      ? " (a command was not found)"
      : exitCode === 126
        ? " (a command may not be executed)"
        : "";
  return `ended by itself with exit code ${exitCode}${hint}`;
};
