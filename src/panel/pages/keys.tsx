/** @jsxImportSource hono/jsx */
import { Command } from "../components/command.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, Checkbox, Field, FormErrors, PostForm } from "../components/form.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { ApiKeyView } from "../../domain/views.ts";
import type { Refusal, Typed } from "../form.ts";
import { useShell } from "../shell.ts";
import { AccountTabs } from "./account-tabs.tsx";

export const keyScopes = [
  { name: "read", label: "Read", hint: "See sites, logs and figures." },
  { name: "deploy", label: "Deploy", hint: "Push, deploy, roll back." },
  { name: "write", label: "Change", hint: "Make, change and delete sites." },
  { name: "metrics", label: "Metrics", hint: "Read /metrics, for Prometheus." },
  { name: "admin", label: "Operate", hint: "What the operator may do; for operators only." },
] as const;

export const Keys = (props: {
  keys: ApiKeyView[];
  typed: Typed;
  refusal: Refusal | null;
  /** Shown this once. */
  freshToken: string | null;
  isAdmin: boolean;
}) => {
  const { keys, typed, refusal } = props;
  const { publicUrl } = useShell();
  const untouched = Object.keys(typed).length === 0;
  return (
    <>
      <AccountTabs current="API keys" />
      {props.freshToken && (
        <section class="once" aria-labelledby="once">
          <h2 id="once">Your new key, shown this once</h2>
          <p>Copy it now; Croft keeps only a hash of it. It is also the password for git push.</p>
          <Command lines={[props.freshToken]} label="Copy the key" />
          <p class="hint">For the command line:</p>
          <Command lines={[`export CROFT_URL=${publicUrl}`, `export CROFT_TOKEN=${props.freshToken}`]} />
        </section>
      )}
      <div class="columns">
        <section class="wide-column" aria-label="Keys">
          {keys.length === 0 ? (
            <Empty title="No key yet">
              <p>
                A key lets git push, the command line and scripts act for you, as far as its scopes reach.
              </p>
            </Empty>
          ) : (
            <KeyTable keys={keys} />
          )}
        </section>
        <section class="card side-column form-card" aria-labelledby="make">
          <h2 id="make">New key</h2>
          <PostForm action="/account/keys">
            <FormErrors refusal={refusal} />
            <Field name="name" label="Name" typed={typed} refusal={refusal} required placeholder="laptop" />
            <fieldset>
              <legend>It may</legend>
              {keyScopes
                .filter((scope) => scope.name !== "admin" || props.isAdmin)
                .map((scope) => (
                  <Checkbox
                    name={`scope-${scope.name}`}
                    label={scope.label}
                    hint={scope.hint}
                    checked={
                      untouched
                        ? scope.name === "read" || scope.name === "deploy"
                        : typed[`scope-${scope.name}`] === "yes"
                    }
                  />
                ))}
            </fieldset>
            <Field
              name="expiresInDays"
              label="Days until it ends"
              typed={typed}
              refusal={refusal}
              inputmode="numeric"
              placeholder="90"
              hint="Empty: it lasts until revoked."
            />
            <button class="main">Make the key</button>
          </PostForm>
        </section>
      </div>
    </>
  );
};

const KeyTable = ({ keys }: { keys: ApiKeyView[] }) => (
  <Table
    caption="API keys"
    class="keys"
    heads={
      <>
        <Head>Key</Head>
        <Head>It may</Head>
        <Head>Last used</Head>
        <Head>Ends</Head>
        <Head>
          <span class="unseen">Act</span>
        </Head>
      </>
    }
  >
    {keys.map((key) => (
      <Row>
        <NameCell>
          <span class="people-text">{key.name}</span>
          <span class="sub mono">{`croft_${key.prefix}_…`}</span>
        </NameCell>
        <Cell label="It may">{key.scopes.join(", ")}</Cell>
        <Cell label="Last used">{key.lastUsedAt ? <Time at={key.lastUsedAt} /> : "never"}</Cell>
        <Cell label="Ends">{key.expiresAt ? <Time at={key.expiresAt} /> : "when revoked"}</Cell>
        <Cell class="acts-cell">
          <ActButton action={`/account/keys/${key.id}/revoke`} class="small" label={`Revoke ${key.name}`}>
            Revoke
          </ActButton>
        </Cell>
      </Row>
    ))}
  </Table>
);
