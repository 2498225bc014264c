/** @jsxImportSource hono/jsx */
import type { Limits } from "../../domain/limits.ts";
import { formatBytes } from "../../domain/size.ts";
import type { AppliedLimitsView, SiteView } from "../../domain/views.ts";
import { Checkbox, FormErrors, PostForm } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal, Typed } from "../form.ts";
import { type LimitField, limitFields } from "../limit-fields.ts";

/** Limits that the kernel holds and reports. */
type Kernel = "memoryBytes" | "cpuMillicores" | "pids";
const isKernel = (name: keyof Limits): name is Kernel =>
  name === "memoryBytes" || name === "cpuMillicores" || name === "pids";

const holder = (name: keyof Limits, site: SiteView): string => {
  if (isKernel(name)) return "kernel";
  if (name === "diskBytes") return site.disk.detail;
  return name === "bandwidthBytesPerMonth" ? "edge, by the site's rules" : "edge";
};

interface LimitsProps {
  site: SiteView;
  typed: Typed;
  refusal: Refusal | null;
}

/** What is asked for, in fields, and what the kernel really holds, side by side. */
export const SiteLimits = (props: LimitsProps) => {
  const { applied } = props.site.limits;
  return (
    <>
      <SiteHeader site={props.site} tab="Limits" />
      <PostForm action={`/sites/${props.site.slug}/limits`} class="limits-form">
        <div class="section-head">
          <h2>Asked and applied</h2>
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
        <FormErrors refusal={props.refusal} />
        <Table
          caption="Limits, asked for and applied"
          class="limits"
          heads={
            <>
              <Head>Limit</Head>
              <Head>Asked</Head>
              <Head num>Applied</Head>
              <Head>Held by</Head>
            </>
          }
        >
          {limitFields.map((field) => (
            <LimitRow field={field} {...props} />
          ))}
        </Table>
        <Checkbox
          name="cpuBurst"
          label="May use CPU that others leave idle"
          checked={props.typed.cpuBurst === "yes"}
          hint="Up to four times its own while cores are free; where they are not, its share goes by its limit."
        />
        <div class="form-end">
          <button class="main">Set limits</button>
          <p class="hint">What runs is changed live, without a restart.</p>
        </div>
      </PostForm>
    </>
  );
};

const LimitRow = ({ field, site, typed, refusal }: LimitsProps & { field: LimitField }) => {
  const { asked, applied } = site.limits;
  const error = refusal?.fields.find((one) => one.path === field.name)?.message;
  const drift = driftOf(field, { ...asked, cpuMillicores: site.cpuBurst.ceilingMillicores }, applied);
  return (
    <Row class={drift ? "drift" : undefined}>
      <NameCell>
        <label for={field.name}>{field.label}</label>
        <span class="sub" id={`${field.name}-hint`}>
          {field.hint}
        </span>
      </NameCell>
      <Cell label="Asked" class={error ? "ask wrong field" : "ask field"}>
        <input
          id={field.name}
          name={field.name}
          value={typed[field.name] ?? ""}
          required
          autocomplete="off"
          spellcheck={false}
          aria-invalid={error ? "true" : undefined}
          aria-describedby={error ? `${field.name}-error ${field.name}-hint` : `${field.name}-hint`}
        />
        {error && (
          <span class="error" id={`${field.name}-error`}>
            {field.label} {error}
          </span>
        )}
      </Cell>
      <Cell num label="Applied">
        {appliedText(field, applied)}
        {field.name === "cpuMillicores" && site.cpuBurst.on && <span class="sub">while cores are idle</span>}
        {drift && <strong class="sub rust-text">{drift}</strong>}
      </Cell>
      <Cell label="Held by">{holder(field.name, site)}</Cell>
    </Row>
  );
};

const appliedText = (field: LimitField, applied: AppliedLimitsView | null): string => {
  if (!isKernel(field.name)) return "as asked";
  if (!applied) return "–";
  const held = applied[field.name];
  return held === null ? "none" : field.show(held);
};

/** Null when the kernel holds just what was asked for. */
const driftOf = (field: LimitField, asked: Limits, applied: AppliedLimitsView | null): string | null => {
  if (!isKernel(field.name) || !applied) return null;
  if (applied[field.name] !== asked[field.name]) return `differs from ${field.show(asked[field.name])}`;
  const swap = applied.memorySwapBytes;
  if (field.name === "memoryBytes" && swap !== applied.memoryBytes)
    return swap === null ? "with swap, without a limit" : `with swap ${formatBytes(swap)}`;
  return null;
};
