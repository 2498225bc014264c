/** @jsxImportSource hono/jsx */
import { formatBytes } from "../../domain/size.ts";
import type { SiteView, VolumeView } from "../../domain/views.ts";
import { Empty } from "../components/empty.tsx";
import { Field, FormErrors, PostForm } from "../components/form.tsx";
import { Bar } from "../components/meter.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import type { Refusal, Typed } from "../form.ts";
import { bytesOf } from "../format.ts";

/** Folders that outlive releases. */
export const SiteVolumes = (props: {
  site: SiteView;
  typed: Typed;
  refusal: Refusal | null;
  /** Of which volume something was refused; null when it was the adding. */
  refused: { volume: string; form: "resize" | "remove" } | null;
}) => {
  const { site, typed, refused } = props;
  const base = `/sites/${site.slug}/volumes`;
  const addRefusal = refused === null ? props.refusal : null;
  return (
    <>
      <SiteHeader site={site} tab="Volumes" />
      <div class="columns">
        <section class="wide-column" aria-label="Volumes">
          {site.volumes.length === 0 && site.type === "static" ? (
            <Empty title="No volumes for static files">
              <p>
                The edge serves this site's files; nothing runs that could write to a volume. Another kind is
                chosen under <a href={`/sites/${site.slug}/settings`}>Settings</a>.
              </p>
            </Empty>
          ) : site.volumes.length === 0 ? (
            <Empty title="No volume yet">
              <p>
                What the app writes elsewhere is gone with its next release. A volume keeps a folder, such as{" "}
                <code>/data</code>, over releases, restarts and rollbacks.
              </p>
            </Empty>
          ) : (
            <Table
              caption="Volumes"
              class="volumes"
              heads={
                <>
                  <Head>Name</Head>
                  <Head>Mounted at</Head>
                  <Head>Used</Head>
                  <Head>Held by</Head>
                  <Head>
                    <span class="unseen">Act</span>
                  </Head>
                </>
              }
            >
              {site.volumes.map((volume) => (
                <Row>
                  <NameCell>{volume.name}</NameCell>
                  <Cell label="Mounted at">
                    <code>{volume.mountPath}</code>
                  </Cell>
                  <Cell label="Used">
                    <VolumeUse volume={volume} limitBytes={site.limits.asked.diskBytes} />
                  </Cell>
                  <Cell label="Held by">{volume.kind === "loop" ? "own file system" : "measuring"}</Cell>
                  <Cell class="acts-cell">
                    <VolumeActs
                      base={base}
                      volume={volume}
                      refused={refused?.volume === volume.name ? refused.form : null}
                      typed={typed}
                      refusal={props.refusal}
                    />
                  </Cell>
                </Row>
              ))}
            </Table>
          )}
        </section>
        {site.type !== "static" && (
          <AddVolume base={base} typed={refused === null ? typed : {}} refusal={addRefusal} />
        )}
      </div>
    </>
  );
};

const VolumeUse = ({ volume, limitBytes }: { volume: VolumeView; limitBytes: number }) => {
  const limit = volume.sizeBytes ?? limitBytes;
  return (
    <span class="small-meter">
      <span class="num">
        {volume.usedBytes === null
          ? "not measured yet"
          : bytesOf(volume.usedBytes, limit).replaceAll(" ", "\u00a0")}
      </span>
      <Bar used={volume.usedBytes} limit={limit} />
    </span>
  );
};

const VolumeActs = (props: {
  base: string;
  volume: VolumeView;
  refused: "resize" | "remove" | null;
  typed: Typed;
  refusal: Refusal | null;
}) => {
  const { volume, refused } = props;
  const action = `${props.base}/${encodeURIComponent(volume.name)}`;
  const partOf = (form: "resize" | "remove") => ({
    typed: refused === form ? props.typed : {},
    refusal: refused === form ? props.refusal : null,
    idPrefix: `${volume.name}-${form}-`,
  });
  const resize = partOf("resize");
  const remove = partOf("remove");
  return (
    <>
      <details class="danger-act" open={refused === "resize"}>
        <summary class="button small">Resize…</summary>
        <PostForm action={`${action}/resize`}>
          {refused === "resize" && <FormErrors refusal={resize.refusal} idPrefix={resize.idPrefix} />}
          <Field
            name="sizeBytes"
            label="New size"
            {...resize}
            typed={{
              sizeBytes: volume.sizeBytes === null ? "" : formatBytes(volume.sizeBytes),
              ...resize.typed,
            }}
            required
            placeholder="2 GB"
            hint={
              volume.kind === "loop"
                ? "It grows while the site runs, and cannot shrink."
                : "What is beyond it stops the site."
            }
          />
          <button>Resize {volume.name}</button>
        </PostForm>
      </details>
      <details class="danger-act" open={refused === "remove"}>
        <summary class="button small">Remove…</summary>
        <PostForm action={`${action}/remove`}>
          {refused === "remove" && <FormErrors refusal={remove.refusal} idPrefix={remove.idPrefix} />}
          <p>
            {volume.usedBytes ? `The ${formatBytes(volume.usedBytes)} in it are` : "Everything in it is"} lost
            for good, for every release. The site has to be stopped first.
          </p>
          <Field name="confirm" label={`Type ${volume.name} to remove it`} {...remove} required />
          <button class="danger">Remove {volume.name}</button>
        </PostForm>
      </details>
    </>
  );
};

const AddVolume = ({ base, typed, refusal }: { base: string; typed: Typed; refusal: Refusal | null }) => (
  <section class="card side-column form-card" aria-labelledby="add">
    <h2 id="add">Add a volume</h2>
    <PostForm action={base}>
      <FormErrors refusal={refusal} />
      <Field name="name" label="Name" typed={typed} refusal={refusal} required placeholder="data" />
      <Field
        name="mountPath"
        label="Mounted at"
        typed={typed}
        refusal={refusal}
        required
        mono
        placeholder="/data"
        hint="The folder as the app sees it."
      />
      <Field
        name="sizeBytes"
        label="Size"
        typed={typed}
        refusal={refusal}
        placeholder="500 MB"
        hint="Of the site's disk limit. Empty: half of what is left of it."
      />
      <button class="main">Add</button>
    </PostForm>
  </section>
);
