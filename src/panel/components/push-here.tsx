/** @jsxImportSource hono/jsx */
import type { SiteView } from "../../domain/views.ts";
import { Command } from "./command.tsx";

/** The exact commands of the next step for a site that is fed by push. */
export const PushHere = ({ site, first }: { site: SiteView; first: boolean }) => (
  <>
    <Command
      lines={
        first
          ? [`git remote add croft ${site.gitRemote}`, `git push croft HEAD:${site.branch}`]
          : [`git push ${site.gitRemote} HEAD:${site.branch}`]
      }
    />
    <p class="hint">
      Any user name; the password is an <a href="/account/keys">API key</a>. The push shows the build as it
      runs and ends with the address.
    </p>
  </>
);
