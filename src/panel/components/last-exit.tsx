/** @jsxImportSource hono/jsx */
import type { ReplicaView, SiteView } from "../../domain/views.ts";
import { plural } from "../format.ts";
import { Time } from "./time.tsx";

/** The replica that tells most of why a site is not well: one that is down, the most often ended first. */
const worst = ({ replicas }: SiteView): ReplicaView | undefined =>
  replicas
    .filter(({ lastExit, restarts, state }) => lastExit !== null && (restarts > 0 || state !== "running"))
    .toSorted(
      (a, b) => Number(a.state === "running") - Number(b.state === "running") || b.restarts - a.restarts,
    )[0];

const howOf = ({ oomKilled, signal, exitCode }: NonNullable<ReplicaView["lastExit"]>): string => {
  if (oomKilled)
    return "was killed by the kernel: it used more memory than its limit (SIGKILL, out of memory)";
  if (signal !== null) return `was ended by ${signal} (exit code ${exitCode})`;
  return exitCode === null ? "ended" : `ended by itself with exit code ${exitCode}`;
};

/** How an app ended last, when it is started again, and what it printed before. Nothing while all is well. */
export const LastExit = ({ site }: { site: SiteView }) => {
  const replica = worst(site);
  if (!replica?.lastExit) return null;
  const { at, lastLines } = replica.lastExit;
  const loops = replica.state === "crash_loop";
  return (
    <section class="card last-exit" aria-labelledby="last-exit">
      <div class="section-head">
        <h2 id="last-exit">{loops ? "It ends again and again" : "How it ended last"}</h2>
        <a href={`/sites/${site.slug}/logs`}>Log</a>
      </div>
      <p>
        {replica.process === "web" ? "The app" : `Process ${replica.process}`} {howOf(replica.lastExit)}{" "}
        <Time at={at} />, {plural(replica.restarts, "restart")} in a row.{" "}
        {replica.nextRestartAt && (
          <>
            Next start <Time at={replica.nextRestartAt} />; the pauses grow from 1 second to 5 minutes.
          </>
        )}
      </p>
      {lastLines.length > 0 && (
        <pre tabindex={0} aria-label="What it printed last">
          {lastLines.join("\n")}
        </pre>
      )}
    </section>
  );
};
