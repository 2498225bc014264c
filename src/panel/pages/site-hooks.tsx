/** @jsxImportSource hono/jsx */
import type { HookDeliveryView, HookView, SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Command } from "../components/command.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, FormErrors } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal } from "../form.ts";

export interface HookWithDeliveries {
  hook: HookView;
  deliveries: HookDeliveryView[];
}

/** Addresses that a git host calls at each push. */
export const SiteHooks = (props: {
  site: SiteView;
  hooks: HookWithDeliveries[];
  /** Just made or rotated: its secret is shown this once. */
  fresh: HookView | null;
  refusal: Refusal | null;
}) => {
  const { site, hooks, fresh } = props;
  const base = `/sites/${site.slug}/hooks`;
  return (
    <>
      <SiteHeader site={site} tab="Hooks" />
      <FormErrors refusal={props.refusal} />
      {fresh?.secret && <FreshSecret hook={fresh} />}
      {hooks.length === 0 ? (
        <Empty title="No hook yet">
          <p>
            With a hook, GitHub tells Croft of every push, and {site.slug} follows the branch{" "}
            <code>{site.branch}</code> by itself. Each call is signed with a secret of its own.
          </p>
          <ActButton action={base} values={{ provider: "github" }} class="main">
            Make a GitHub hook
          </ActButton>
        </Empty>
      ) : (
        <>
          {hooks.map((one) => (
            <Hook {...one} base={base} />
          ))}
          <ActButton action={base} values={{ provider: "github" }}>
            Make another GitHub hook
          </ActButton>
        </>
      )}
    </>
  );
};

const FreshSecret = ({ hook }: { hook: HookView }) => (
  <section class="once" aria-labelledby="once">
    <h2 id="once">The secret, shown this once</h2>
    <p>
      In the repository's settings, under Webhooks, add one with content type <code>application/json</code>,
      the push event, and these two:
    </p>
    <p class="label">Payload URL</p>
    <Command lines={[hook.url]} label="Copy the address" />
    <p class="label">Secret</p>
    <Command lines={[hook.secret ?? ""]} label="Copy the secret" />
  </section>
);

const Hook = ({ hook, deliveries, base }: HookWithDeliveries & { base: string }) => (
  <section class="card hook" aria-label={`Hook ${hook.id}`}>
    <div class="section-head">
      <h2>{hook.provider === "github" ? "GitHub" : hook.provider}</h2>
      <p class="soft">
        made <Time at={hook.createdAt} />
      </p>
      <div class="acts">
        <ActButton action={`${base}/${hook.id}/rotate`} class="small" label="New secret for this hook">
          New secret
        </ActButton>
        <ActButton action={`${base}/${hook.id}/remove`} class="small" label="Remove this hook">
          Remove
        </ActButton>
      </div>
    </div>
    <Command lines={[hook.url]} label="Copy the address" />
    {deliveries.length === 0 ? (
      <p class="soft">No call yet. GitHub sends a ping as soon as the hook is saved there.</p>
    ) : (
      <Table
        caption="Latest calls"
        class="deliveries"
        heads={
          <>
            <Head>Event</Head>
            <Head>Signature</Head>
            <Head>Result</Head>
            <Head num>When</Head>
          </>
        }
      >
        {deliveries.map((delivery) => (
          <Row>
            <NameCell>
              {delivery.event}
              <span class="sub mono">{delivery.deliveryId}</span>
            </NameCell>
            <Cell label="Signature">
              <Badge
                word={
                  delivery.signatureOk ? { text: "Right", tone: "moss" } : { text: "Wrong", tone: "rust" }
                }
              />
            </Cell>
            <Cell label="Result" class="wrap">
              {delivery.deployment ? (
                <a href={`/deployments/${delivery.deployment}`}>{delivery.result}</a>
              ) : (
                delivery.result
              )}
            </Cell>
            <Cell num label="When">
              <Time at={delivery.at} />
            </Cell>
          </Row>
        ))}
      </Table>
    )}
  </section>
);
