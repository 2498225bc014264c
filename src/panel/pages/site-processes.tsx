/** @jsxImportSource hono/jsx */
import type { ConnectionsView } from "../../domain/link.ts";
import { mostReplicasTogether } from "../../domain/process.ts";
import type { ProcessView } from "../../domain/process-view.ts";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { ConnectionsCard } from "../components/connections-card.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, Field, FormErrors, PostForm } from "../components/form.tsx";
import { Live } from "../components/live.tsx";
import { ReplicaTable } from "../components/replica-table.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import type { Refusal, Typed } from "../form.ts";
import { cores } from "../format.ts";

export interface ProcessesProps {
  site: SiteView;
  processes: ProcessView[];
  connections: ConnectionsView;
  typed: Typed;
  refusal: Refusal | null;
  /** Which of the page's forms was refused. */
  refused: "scale" | "process" | "link" | null;
}

/** What runs of a site, how often, and whom it reaches by name. */
export const SiteProcesses = (props: ProcessesProps) => {
  const { site, processes } = props;
  const moves = processes.some(
    ({ replicas, items }) => replicas.running !== replicas.wanted || items.length !== replicas.wanted,
  );
  return (
    <>
      <SiteHeader site={site} tab="Processes" />
      <div class="columns">
        <div class="wide-column">
          {processes.length === 0 ? (
            <Empty title="Nothing runs here">
              <p>The edge serves this site's files; an app would have its processes here.</p>
            </Empty>
          ) : (
            <Live id="processes" everySeconds={moves && site.status !== "stopped" ? 3 : null}>
              <Processes site={site} processes={processes} />
              <ReplicaTable processes={processes} />
            </Live>
          )}
        </div>
        <div class="side-column">
          {processes.length > 0 && <Scale {...props} />}
          <ConnectionsCard
            site={site}
            connections={props.connections}
            typed={props.refused === "link" ? props.typed : {}}
            refusal={props.refused === "link" ? props.refusal : null}
          />
          {processes.length > 0 && <AddProcess {...props} />}
        </div>
      </div>
    </>
  );
};

const stateWords = {
  current: null,
  waiting: "comes with the next deploy",
  leaving: "goes with the next deploy",
};

const Processes = ({ site, processes }: { site: SiteView; processes: ProcessView[] }) => (
  <section class="process-list" aria-labelledby="list">
    <h2 id="list">Processes</h2>
    <Table
      caption="Processes"
      heads={
        <>
          <Head>Process</Head>
          <Head num>Running</Head>
          <Head num>Memory of each</Head>
          <Head num>CPU of each</Head>
          <Head>Reached</Head>
          <Head>
            <span class="unseen">Act</span>
          </Head>
        </>
      }
    >
      {processes.map(({ name, command, replicas, limits, port, internal, state, isSet }) => (
        <Row>
          <NameCell>
            {name}
            <br />
            <small class="soft people-text">{command ?? "what the image runs"}</small>
            {stateWords[state] && <small class="soft"> · {stateWords[state]}</small>}
          </NameCell>
          <Cell label="Running" num>
            {replicas.running} of {replicas.wanted}
          </Cell>
          <Cell label="Memory of each" num>
            {formatBytes(limits.memoryBytes)}
          </Cell>
          <Cell label="CPU of each" num>
            {cores(limits.cpuMillicores)}
          </Cell>
          <Cell label="Reached">
            {!internal ? (
              "by visitors"
            ) : port === null ? (
              "by nobody"
            ) : (
              <>
                as <code>{`${name}:${port}`}</code>
              </>
            )}
          </Cell>
          <Cell class="acts-cell">
            {isSet && (
              <ActButton
                action={`/sites/${site.slug}/processes/${encodeURIComponent(name)}/remove`}
                class="small"
                label={`Take back what was set of ${name}`}
              >
                Take back
              </ActButton>
            )}
          </Cell>
        </Row>
      ))}
    </Table>
  </section>
);

const Scale = ({ site, processes, typed, refusal, refused }: ProcessesProps) => {
  const shown = refused === "scale" ? typed : {};
  const why = refused === "scale" ? refusal : null;
  return (
    <section class="card form-card" aria-labelledby="scale">
      <h2 id="scale">Replicas</h2>
      <PostForm action={`/sites/${site.slug}/scale`}>
        <FormErrors refusal={why} idPrefix="scale-" />
        {processes
          .filter(({ state }) => state !== "leaving")
          .map(({ name, replicas }) => (
            <Field
              name={name}
              idPrefix="scale-"
              label={name}
              typed={{ [name]: String(replicas.wanted), ...shown }}
              refusal={why}
              inputmode="numeric"
              required
            />
          ))}
        <p class="hint">
          Up to 10 each, {mostReplicasTogether} together. Each has the limits of its process; they change at
          once, without a deploy.
        </p>
        <button class="main">Set</button>
      </PostForm>
    </section>
  );
};

const AddProcess = ({ site, typed, refusal, refused }: ProcessesProps) => {
  const common = {
    typed: refused === "process" ? typed : {},
    refusal: refused === "process" ? refusal : null,
    idPrefix: "process-",
  };
  return (
    <section class="card form-card" aria-labelledby="add-process">
      <h2 id="add-process">Add or change a process</h2>
      <PostForm action={`/sites/${site.slug}/processes`}>
        <FormErrors refusal={common.refusal} idPrefix="process-" />
        <Field name="name" label="Name" {...common} required placeholder="worker" />
        <Field
          name="command"
          label="Command"
          {...common}
          mono
          placeholder="node worker.js"
          hint="Runs in the site's image, from the next deploy on."
        />
        <Field name="port" label="Port" {...common} inputmode="numeric" hint="Empty: it listens to nobody." />
        <Field
          name="memory"
          label="Memory, MB"
          {...common}
          inputmode="numeric"
          hint="Empty: as the site has it."
        />
        <button>Save</button>
      </PostForm>
      <p class="hint">
        A Procfile or <code>processes</code> in croft.json name them in the repository itself.
      </p>
    </section>
  );
};
