/** @jsxImportSource hono/jsx */
import type { JobView } from "../../domain/job.ts";
import { commandText, isOpen } from "../../domain/run.ts";
import type { SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, FormErrors, PostForm } from "../components/form.tsx";
import { JobFields } from "../components/job-fields.tsx";
import { Live } from "../components/live.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal, Typed } from "../form.ts";
import { runWord } from "../run-words.ts";

/** Seconds between two looks: while something runs, and while jobs only wait for their time. */
const lookSeconds = (jobs: JobView[]): number | null => {
  if (jobs.some((job) => job.lastRun !== null && isOpen(job.lastRun.status))) return 2;
  return jobs.some((job) => job.enabled) ? 20 : null;
};

/** The jobs of a site. */
export const SiteJobs = (props: {
  site: SiteView;
  jobs: JobView[];
  typed: Typed;
  refusal: Refusal | null;
}) => {
  const { site, jobs, typed, refusal } = props;
  const base = `/sites/${site.slug}/jobs`;
  return (
    <>
      <SiteHeader site={site} tab="Jobs" />
      <div class="columns">
        <section class="wide-column" aria-label="Scheduled jobs">
          {site.type === "static" ? (
            <Empty title="No jobs for static files">
              <p>The edge serves this site's files; there is no image that a job could run in.</p>
            </Empty>
          ) : jobs.length === 0 ? (
            <Empty title="No job yet">
              <p>
                A job runs a command by the clock, in a container of its own: with the image, variables and
                volumes of the release that is current then, and within the site's limits. The site itself is
                not woken for it.
              </p>
            </Empty>
          ) : (
            <Live id="jobs" everySeconds={lookSeconds(jobs)}>
              <JobTable jobs={jobs} base={base} />
            </Live>
          )}
        </section>
        {site.type !== "static" && (
          <section class="card side-column form-card" aria-labelledby="add">
            <h2 id="add">Add a job</h2>
            <PostForm action={base}>
              <FormErrors refusal={refusal} />
              <JobFields typed={typed} refusal={refusal} />
              <button class="main">Add</button>
            </PostForm>
          </section>
        )}
      </div>
    </>
  );
};

const JobTable = ({ jobs, base }: { jobs: JobView[]; base: string }) => (
  <Table
    caption="Scheduled jobs"
    class="jobs"
    heads={
      <>
        <Head>Job</Head>
        <Head>Schedule</Head>
        <Head>Next</Head>
        <Head>Last run</Head>
        <Head>
          <span class="unseen">Act</span>
        </Head>
      </>
    }
  >
    {jobs.map((job) => (
      <Row>
        <NameCell>
          <a href={`${base}/${encodeURIComponent(job.name)}`}>{job.name}</a>
          <code class="sub one-line">{commandText(job.command)}</code>
        </NameCell>
        <Cell label="Schedule">
          <code>{job.schedule}</code>
          <span class="sub">{job.timeZone}</span>
        </Cell>
        <Cell label="Next">{job.nextRunAt === null ? "switched off" : <Time at={job.nextRunAt} />}</Cell>
        <Cell label="Last run">
          {job.lastRun === null ? (
            <span class="soft">none yet</span>
          ) : (
            <span data-say={`${job.name}: ${runWord(job.lastRun.status).text}`}>
              <Badge word={runWord(job.lastRun.status)} />
              <span class="sub">
                <Time at={job.lastRun.at} />
              </span>
            </span>
          )}
        </Cell>
        <Cell class="acts-cell">
          <ActButton
            action={`${base}/${encodeURIComponent(job.name)}/run`}
            class="small"
            label={`Run ${job.name} now`}
          >
            Run now
          </ActButton>
        </Cell>
      </Row>
    ))}
  </Table>
);
