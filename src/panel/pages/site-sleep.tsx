/** @jsxImportSource hono/jsx */
import type { SleepPolicyView } from "../../domain/sleep.ts";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { ActButton, Checkbox, Field, FormErrors, PostForm, TextArea } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal, Typed } from "../form.ts";

export interface SleepProps {
  site: SiteView;
  policy: SleepPolicyView;
  typed: Typed;
  refusal: Refusal | null;
}

const hours = (seconds: number): string => {
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

const idle = (minutes: number): string =>
  minutes === 0
    ? "never"
    : minutes % 60 === 0
      ? `after ${minutes / 60} h`
      : `after ${Number(minutes.toFixed(1))} min`;

/** Whether a site sleeps, what that saved, and when it does. */
export const SiteSleep = ({ site, policy, typed, refusal }: SleepProps) => {
  const { sleep, slept } = policy;
  const awake = sleep.state === "awake";
  const common = { typed, refusal };
  return (
    <>
      <SiteHeader site={site} tab="Settings" />
      <p class="toolbar">
        <a href={`/sites/${site.slug}/settings`}>Back to the settings</a>
      </p>
      <section class="card kept-card" aria-labelledby="now">
        <h2 id="now">Now</h2>
        <p>
          {awake ? "Awake" : sleep.state === "frozen" ? "Frozen in memory" : "Stopped"}
          {sleep.since && (
            <>
              {" "}
              since <Time at={sleep.since} />
            </>
          )}
          .
          {policy.lastActiveAt && (
            <>
              {" "}
              Last asked <Time at={policy.lastActiveAt} />.
            </>
          )}
        </p>
        {sleep.memory && (
          <p>
            Memory: {formatBytes(sleep.memory.beforeBytes)} awake, {formatBytes(sleep.memory.afterBytes)}{" "}
            asleep.
          </p>
        )}
        <p class="soft">
          In 30 days it was frozen for {hours(slept.frozenSeconds)} and stopped for{" "}
          {hours(slept.stoppedSeconds)}. Sleep counts as up.
        </p>
        {policy.keptAwake && (
          <p class="reason">It does not fall asleep by itself, since {policy.keptAwake}.</p>
        )}
        {awake ? (
          <ActButton action={`/sites/${site.slug}/sleep/now`}>Put it to sleep</ActButton>
        ) : (
          <ActButton action={`/sites/${site.slug}/wake`}>Wake it</ActButton>
        )}
      </section>
      <section class="card kept-card" aria-labelledby="when">
        <h2 id="when">When it sleeps</h2>
        <p class="soft">
          A site that nobody asks anything is frozen first: it keeps its memory and uses no processor, and the
          next request goes on within moments. Later it is stopped, which gives its memory back; then the next
          request waits for its start. Requests and open connections keep it awake.
        </p>
        <FormErrors refusal={refusal} />
        <PostForm action={`/sites/${site.slug}/sleep`}>
          <Checkbox
            name="never"
            label="Never"
            checked={typed.never === "yes"}
            hint="For what works without being asked, such as a queue, a bot, or a long computation."
          />
          <Field
            name="freezeAfterMinutes"
            label="Minutes until it is frozen"
            {...common}
            inputmode="decimal"
            hint={`0 for never. Empty: as for all sites. At present ${idle(policy.freezeAfterMinutes)}.`}
          />
          <Field
            name="stopAfterMinutes"
            label="Minutes until it is stopped"
            {...common}
            inputmode="decimal"
            hint={`0 for never. Empty: as for all sites. At present ${idle(policy.stopAfterMinutes)}.`}
          />
          <TextArea
            name="wakeAt"
            label="Times to be awake"
            {...common}
            mono
            rows={2}
            placeholder="0 8 * * 1-5"
            hint="Cron patterns, one a line: minute, hour, day, month, weekday."
          />
          <Field name="timeZone" label="Time zone" {...common} mono hint="Such as Europe/Berlin, or UTC." />
          <button class="main">Save</button>
        </PostForm>
      </section>
    </>
  );
};
