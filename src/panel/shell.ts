import { createContext, useContext } from "hono/jsx";
import type { EdgeStatus, EngineStatus, Person } from "./deps.ts";

/** What every page knows beside its own content. */
export interface Shell {
  person: Person | null;
  csrf: string;
  engine: EngineStatus;
  edge: EdgeStatus;
  /** Path of the page itself, for what is current in the navigation. */
  path: string;
  notice: string | null;
  nowMs: number;
  publicUrl: string;
  /** Text in the search field. */
  query: string;
}

const ShellContext = createContext<Shell | null>(null);
export const ShellProvider = ShellContext.Provider;

/** The shell of the page being rendered. */
export const useShell = (): Shell => {
  const shell = useContext(ShellContext);
  if (!shell) throw new Error("rendered outside of a page");
  return shell;
};
