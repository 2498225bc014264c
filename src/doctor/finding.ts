/** One line of what the doctor says. */
export interface Finding {
  check: string;
  /** `warn`: it works, but worse than it could; `fail`: something that Croft promises does not hold. */
  state: "ok" | "warn" | "fail";
  /** What was seen. */
  detail: string;
  /** What mends it: a command, or what to change where; null when there is nothing to mend. */
  mend: string | null;
}

export const ok = (check: string, detail: string): Finding => ({ check, state: "ok", detail, mend: null });
export const warn = (check: string, detail: string, mend: string | null): Finding => ({
  check,
  state: "warn",
  detail,
  mend,
});
export const fail = (check: string, detail: string, mend: string | null): Finding => ({
  check,
  state: "fail",
  detail,
  mend,
});
