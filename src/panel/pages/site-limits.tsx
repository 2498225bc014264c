import type { Limits } from "../../domain/limits.ts";
import type { AppliedLimitsView, SiteView } from "../../domain/views.ts";
import { Field, FormErrors, PostForm } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal, Typed } from "../form.ts";
import { formatBytes } from "../../domain/size.ts";
import { type LimitField, limitFields } from "../limit-fields.ts";

/** Limits that the kernel holds and reports; the edge counts the others itself. */
type Kernel = "memoryBytes" | "cpuMillicores" | "pids";
const isKernel = (name: keyof Limits): name is Kernel =>
  name === "memoryBytes" || name === "cpuMillicores" || name === "pids";

/** What was asked for and what the kernel really holds, side by side, and the form that changes it. */
export const SiteLimits = (props: { site: SiteView; typed: Typed; refusal: Refusal | null }) => {
  const { site, typed, refusal } = props;
  const { asked, applied } = site.limits;
  return (
    <>
      <SiteHeader site={site} tab="Limits" />
      <div class="columns">
        <section class="wide-column" aria-labelledby="held">
          <div class="section-head">
            <h2 id="held">Asked and applied</h2>
            <p class="soft">
              {applied ? (
                <>
                  read from the kernel <Time at={applied.readAt} />
                </>
              ) : (
                "no replica runs, so the kernel holds nothing now"
              )}
            </p>
          </div>
          <Table
            caption="Limits, asked for and applied"
            class="limits"
            heads={
              <>
                <Head>Limit</Head>
                <Head num>Asked</Head>
                <Head num>Applied</Head>
                <Head>Held by</Head>
              </>
            }
          >
            {limitFields.map((field) => (
              <LimitRow field={field} asked={asked} applied={applied} />
            ))}
          </Table>
        </section>
        <section class="card side-column form-card" aria-labelledby="change">
          <h2 id="change">Change them</h2>
          <PostForm action={`/sites/${site.slug}/limits`}>
            <FormErrors refusal={refusal} />
            {limitFields.map((field) => (
              <Field
                name={field.name}
                label={field.label}
                hint={field.hint}
                typed={typed}
                refusal={refusal}
                required
              />
            ))}
            <button class="main">Set limits</button>
            <p class="hint">What runs is changed live, without a restart.</p>
          </PostForm>
        </section>
      </div>
    </>
  );
};

const LimitRow = (props: { field: LimitField; asked: Limits; applied: AppliedLimitsView | null }) => {
  const { field, asked, applied } = props;
  const kernel = isKernel(field.name);
  const held = kernel && applied ? applied[field.name as Kernel] : null;
  const swap =
    field.name === "memoryBytes" &&
    applied?.memorySwapBytes != null &&
    applied.memorySwapBytes !== applied.memoryBytes;
  const drift = kernel && applied !== null && held !== asked[field.name];
  return (
    <Row class={drift || swap ? "drift" : undefined}>
      <NameCell>{field.label}</NameCell>
      <Cell num label="Asked">
        {field.show(asked[field.name])}
      </Cell>
      <Cell num label="Applied">
        {!kernel ? (
          <span class="soft">as asked</span>
        ) : !applied ? (
          <span class="soft">–</span>
        ) : held === null ? (
          "none"
        ) : (
          field.show(held)
        )}
        {drift && <strong class="sub rust-text">differs from what was asked</strong>}
        {swap && <strong class="sub rust-text">with swap {formatBytes(applied!.memorySwapBytes!)}</strong>}
      </Cell>
      <Cell label="Held by">{kernel ? "kernel" : field.name === "diskBytes" ? "measuring" : "edge"}</Cell>
    </Row>
  );
};
