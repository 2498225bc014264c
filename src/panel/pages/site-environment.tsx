/** @jsxImportSource hono/jsx */
import type { EnvVarView, SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, Checkbox, Field, FormErrors, PostForm, TextArea } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal, Typed } from "../form.ts";

/** Environment variables of the app; secrets are write-only. */
export const SiteEnvironment = (props: {
  site: SiteView;
  items: EnvVarView[];
  typed: Typed;
  refusal: Refusal | null;
}) => {
  const { site, items, typed, refusal } = props;
  const base = `/sites/${site.slug}/environment`;
  return (
    <>
      <SiteHeader site={site} tab="Environment" />
      <div class="columns">
        <section class="wide-column" aria-label="Environment variables">
          {items.length === 0 ? (
            <Empty title="No variables yet">
              <p>
                The app is given <code>PORT</code> in any case. Add others here, or with{" "}
                <code>{`croft env set ${site.slug} KEY=VALUE`}</code>.
              </p>
            </Empty>
          ) : (
            <Table
              caption="Environment variables"
              class="env"
              heads={
                <>
                  <Head>Key</Head>
                  <Head>Value</Head>
                  <Head>Changed</Head>
                  <Head>
                    <span class="unseen">Act</span>
                  </Head>
                </>
              }
            >
              {items.map((item) => (
                <Row>
                  <NameCell>
                    <code>{item.key}</code>
                  </NameCell>
                  <Cell label="Value" class="value">
                    {item.isSecret ? (
                      <Badge word={{ text: "Secret", tone: "sky" }} />
                    ) : (
                      <code>{item.value}</code>
                    )}
                  </Cell>
                  <Cell label="Changed">
                    <Time at={item.updatedAt} />
                    <span class="sub">by {item.updatedBy}</span>
                  </Cell>
                  <Cell class="acts-cell">
                    <ActButton
                      action={`${base}/unset`}
                      values={{ key: item.key }}
                      class="small"
                      label={`Remove ${item.key}`}
                    >
                      Remove
                    </ActButton>
                  </Cell>
                </Row>
              ))}
            </Table>
          )}
          <p class="hint">
            Every change takes effect with the next deploy; the running release keeps what it began with.
          </p>
        </section>
        <section class="card side-column form-card" aria-labelledby="set">
          <h2 id="set">Set variables</h2>
          <PostForm action={base}>
            <FormErrors refusal={refusal} />
            <Field name="key" label="Key" typed={typed} refusal={refusal} mono placeholder="DATABASE_URL" />
            <TextArea
              name="value"
              label="Value"
              typed={typed}
              refusal={refusal}
              mono
              rows={2}
              hint="A key that is there already gets the new value."
            />
            <details open={Boolean(typed.several)}>
              <summary>Several at once</summary>
              <TextArea
                name="several"
                label="KEY=VALUE, one a line"
                typed={typed}
                refusal={refusal}
                mono
                rows={5}
                hint="As in a .env file: # begins a comment, quotes around a value are taken off."
              />
            </details>
            <Checkbox
              name="secret"
              label="Secret"
              checked={typed.secret === "yes"}
              hint="Nobody can read it again, you neither; it can be replaced."
            />
            <button class="main">Save</button>
          </PostForm>
        </section>
      </div>
    </>
  );
};
