/** @jsxImportSource hono/jsx */
import type { JobView } from "../../domain/job.ts";
import { commandText, isOpen, type RunView } from "../../domain/run.ts";
import type { SiteView } from "../../domain/views.ts";
import { ActButton, FormErrors, PostForm } from "../components/form.tsx";
import { JobFields } from "../components/job-fields.tsx";
import { Live } from "../components/live.tsx";
import { RunTable } from "../components/run-table.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal, Typed } from "../form.ts";
import { duration } from "../format.ts";
import { missedWords, overlapWords } from "../run-words.ts";

/** One job: what it is, its runs, and its form. */
export const SiteJob = (props: {
  site: SiteView;
  job: JobView;
  runs: RunView[];
  /** Address of the runs before these; null when there are none. */
  older: string | null;
  typed: Typed;
  refusal: Refusal | null;
}) => {
  const { site, job, runs, typed, refusal } = props;
  const base = `/sites/${site.slug}/jobs/${encodeURIComponent(job.name)}`;
  const underWay = runs.some((run) => isOpen(run.status));
  return (
    <>
      <SiteHeader site={site} tab="Jobs" />
      <div class="section-head">
        <h2>{job.name}</h2>
        <div class="acts">
          <ActButton action={`${base}/run`} class="small main">
            Run now
          </ActButton>
          <ActButton action={`${base}/switch`} class="small" values={{ enabled: job.enabled ? "no" : "yes" }}>
            {job.enabled ? "Switch off" : "Switch on"}
          </ActButton>
        </div>
      </div>
      <div class="columns">
        <section class="wide-column" aria-label={`Runs of ${job.name}`}>
          <Facts job={job} />
          <Live id="job-runs" everySeconds={underWay ? 2 : job.enabled ? 20 : null}>
            {runs.length === 0 ? (
              <p class="soft">No run yet.</p>
            ) : (
              <RunTable runs={runs} caption={`Runs of ${job.name}`} />
            )}
            {underWay && (
              <ActButton action={`${base}/stop`} class="small">
                End the run
              </ActButton>
            )}
          </Live>
          {props.older && (
            <p>
              <a href={props.older}>Older runs</a>
            </p>
          )}
        </section>
        <section class="card side-column form-card" aria-labelledby="change">
          <h2 id="change">Change it</h2>
          <PostForm action={base}>
            <FormErrors refusal={refusal} />
            <JobFields typed={typed} refusal={refusal} />
            <button class="main">Save</button>
          </PostForm>
          <details class="danger-act">
            <summary class="button small">Remove…</summary>
            <PostForm action={`${base}/remove`}>
              <p>The job and the history of its runs are gone for good; a run that is under way is ended.</p>
              <button class="danger">Remove {job.name}</button>
            </PostForm>
          </details>
        </section>
      </div>
    </>
  );
};

const Facts = ({ job }: { job: JobView }) => (
  <dl class="facts-list in-line">
    <dt>Next run</dt>
    <dd>
      {job.nextRunAt === null ? (
        "none: it is switched off"
      ) : (
        <>
          <Time at={job.nextRunAt} show="exact" /> (<code>{job.schedule}</code>, {job.timeZone})
        </>
      )}
    </dd>
    <dt>Command</dt>
    <dd>
      <code>{commandText(job.command)}</code>
    </dd>
    <dt>Ended after</dt>
    <dd>{duration(job.timeoutSeconds * 1000)}</dd>
    <dt>While it still runs</dt>
    <dd>{overlapWords[job.overlap]}</dd>
    <dt>Missed times</dt>
    <dd>{missedWords[job.missed]}</dd>
  </dl>
);
