import { shellCommand } from "../../domain/shell-command.ts";
import type { SourceFolder } from "./source-folder.ts";

/** How the app is started: the image's CMD. */
export interface Start {
  /** Exec form. */
  argv: string[];
  /** For people: where it comes from and what it is. */
  description: string;
}

/** The `web` process of a Procfile, null without one. */
export const procfileWeb = async (source: SourceFolder): Promise<string | null> => {
  const text = await source.head("Procfile", 64 * 1024);
  return text === null ? null : (/^web[ \t]*:([^\r\n]*\S)/m.exec(text)?.[1]?.trim() ?? null);
};

/** What the site or the Procfile says, which goes before anything that Croft would guess. */
export const givenStart = async (
  source: SourceFolder,
  startCommand: string | null,
): Promise<Start | null> => {
  const own = startCommand?.trim();
  if (own) return { argv: shellCommand(own), description: `the site's start command: ${own}` };
  const web = await procfileWeb(source);
  return web === null ? null : { argv: shellCommand(web), description: `Procfile, web: ${web}` };
};
