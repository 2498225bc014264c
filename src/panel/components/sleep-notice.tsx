/** @jsxImportSource hono/jsx */
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { ActButton } from "./form.tsx";
import { Time } from "./time.tsx";

/** That a site sleeps, since when, and what that saves; on every page of the site. */
export const SleepNotice = ({ site }: { site: SiteView }) => {
  const { state, since, reason, memory } = site.sleep;
  if (state === "awake" || site.status !== "sleeping") return null;
  return (
    <div class="reason sky notice-act" role="status">
      <p>
        {state === "frozen" ? "Asleep, frozen in memory" : "Asleep, stopped"} since <Time at={since!} />:{" "}
        {reason}. The next request wakes it.
        {memory && memory.beforeBytes > memory.afterBytes && (
          <>
            {" "}
            {state === "frozen" ? "It gave back" : "That leaves"}{" "}
            {formatBytes(memory.beforeBytes - memory.afterBytes)} of memory
            {state === "frozen" ? "" : " to others"}.
          </>
        )}
      </p>
      <ActButton action={`/sites/${site.slug}/wake`}>Wake</ActButton>
    </div>
  );
};
