/** @jsxImportSource hono/jsx */
import type { RunView } from "../../domain/run.ts";
import type { SiteView } from "../../domain/views.ts";
import type { CommandResult } from "../../runs/run-to-end.ts";
import { Badge } from "../components/badge.tsx";
import { Empty } from "../components/empty.tsx";
import { Checkbox, Field, FormErrors, PostForm } from "../components/form.tsx";
import { RunOutput, RunTable } from "../components/run-table.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import type { Refusal, Typed } from "../form.ts";
import { sentence } from "../format.ts";
import { runWord } from "../run-words.ts";

/** A terminal (islands/terminal.ts), a form for one command, and what people ran. */
export const SiteTerminal = (props: {
  site: SiteView;
  runs: RunView[];
  typed: Typed;
  refusal: Refusal | null;
  /** Of the command that the form just ran. */
  result: { command: string; end: CommandResult } | null;
}) => {
  const { site, runs, typed, refusal, result } = props;
  const base = `/sites/${site.slug}/terminal`;
  if (site.currentRelease === null || site.type === "static")
    return (
      <>
        <SiteHeader site={site} tab="Terminal" />
        <Empty title="Nothing to run a command in">
          <p>
            {site.type === "static"
              ? "The edge serves this site's files; there is no image that a command could run in."
              : "Commands run in the image of the current release. Deploy the site first."}
          </p>
        </Empty>
      </>
    );
  return (
    <>
      <SiteHeader site={site} tab="Terminal" />
      <section aria-labelledby="terminal-title">
        <div class="section-head">
          <h2 id="terminal-title">Terminal</h2>
          <p class="soft" role="status" id="terminal-state" />
        </div>
        <div id="terminal" data-slug={site.slug} data-replicas={String(site.replicas.length)} hidden>
          <div class="terminal-bar">
            <label for="terminal-place">Open it</label>
            <select id="terminal-place">
              <option value="own">in a container of its own</option>
              <option value="replica" disabled={site.replicas.length === 0}>
                inside a running replica
              </option>
            </select>
            <Checkbox name="aloud" id="terminal-aloud" label="For a screen reader" />
            <button type="button" class="main" id="terminal-open">
              Open
            </button>
            <button type="button" id="terminal-close" hidden>
              Close
            </button>
          </div>
          <div id="terminal-screen" hidden />
          <p class="hint" id="terminal-keys">
            All keys go to the terminal; <kbd>F6</kbd> leaves it for the rest of the page. It ends when this
            page is closed, and after 15 idle minutes.
          </p>
        </div>
      </section>
      {result && <Result {...result} />}
      <section class="card form-card one-command" aria-labelledby="one">
        <h2 id="one">Run one command</h2>
        <PostForm action={base}>
          <FormErrors refusal={refusal} />
          <Field
            name="command"
            label="Command"
            typed={typed}
            refusal={refusal}
            required
            mono
            placeholder="node --version"
            hint="It has a minute. Longer ones: croft exec, or a job."
          />
          <Checkbox
            name="inReplica"
            label="Inside a running replica, beside the app"
            checked={typed.inReplica === "yes"}
          />
          <button class="main">Run</button>
        </PostForm>
      </section>
      <section aria-labelledby="ran">
        <h2 id="ran">What people ran</h2>
        {runs.length === 0 ? (
          <p class="soft">
            Nothing yet. Also from a shell: <code>croft exec {site.slug} -- ls</code>
          </p>
        ) : (
          <RunTable runs={runs} caption="Commands and terminals" commands />
        )}
      </section>
    </>
  );
};

const Result = ({ command, end }: { command: string; end: CommandResult }) => (
  <section aria-labelledby="result" class="run-result">
    <div class="section-head" tabindex={-1} data-focus>
      <h2 id="result">
        <code>{command}</code>
      </h2>
      <Badge word={runWord(end.status)} />
      <p class="soft">
        {end.exitCode !== null && `Exit code ${end.exitCode}. `}
        {end.reason !== null && sentence(end.reason)}
      </p>
    </div>
    {end.output === "" ? (
      <p class="soft">It printed nothing.</p>
    ) : (
      <RunOutput text={end.output} label="What it printed" />
    )}
  </section>
);
