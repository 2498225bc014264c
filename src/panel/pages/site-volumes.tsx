/** @jsxImportSource hono/jsx */
import type { SiteView } from "../../domain/views.ts";
import { Empty } from "../components/empty.tsx";
import { Field, FormErrors, PostForm } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import type { Refusal, Typed } from "../form.ts";

/** Folders that outlive releases. */
export const SiteVolumes = (props: {
  site: SiteView;
  typed: Typed;
  refusal: Refusal | null;
  /** Volume whose removal was refused; null when it was the adding. */
  removing: string | null;
}) => {
  const { site, typed, removing } = props;
  const base = `/sites/${site.slug}/volumes`;
  const addRefusal = removing === null ? props.refusal : null;
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
                  <Cell class="acts-cell">
                    <details class="danger-act" open={removing === volume.name}>
                      <summary class="button small">Remove…</summary>
                      <PostForm action={`${base}/${encodeURIComponent(volume.name)}/remove`}>
                        {removing === volume.name && (
                          <FormErrors refusal={props.refusal} idPrefix={`${volume.name}-`} />
                        )}
                        <p>
                          Everything in it is lost for good, for every release. The site has to be stopped
                          first.
                        </p>
                        <Field
                          name="confirm"
                          idPrefix={`${volume.name}-`}
                          label={`Type ${volume.name} to remove it`}
                          typed={removing === volume.name ? typed : {}}
                          refusal={removing === volume.name ? props.refusal : null}
                          required
                        />
                        <button class="danger">Remove {volume.name}</button>
                      </PostForm>
                    </details>
                  </Cell>
                </Row>
              ))}
            </Table>
          )}
        </section>
        {site.type !== "static" && (
          <AddVolume base={base} typed={removing === null ? typed : {}} refusal={addRefusal} />
        )}
      </div>
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
      <button class="main">Add</button>
    </PostForm>
  </section>
);
