/** @jsxImportSource hono/jsx */
import { accessLogDetails, type EdgeRulesView } from "../../domain/edge-rules.ts";
import { formatBytes } from "../../domain/size.ts";
import type { Refusal, Typed } from "../form.ts";
import { Field, FormErrors, PostForm, Select } from "./form.tsx";

const words: Record<(typeof accessLogDetails)[number], string> = {
  off: "Nothing",
  anonymous: "Requests, no data of visitors",
  full: "Requests with data of visitors",
};

export const typedLog = (rules: EdgeRulesView): Typed => ({
  accessLog: rules.accessLog,
  accessLogBytes: formatBytes(rules.accessLogBytes),
  accessLogDays: String(rules.accessLogDays),
});

/** What the log holds, and for how long. */
export const AccessSetting = (props: { slug: string; typed: Typed; refusal: Refusal | null }) => {
  const { typed, refusal } = props;
  return (
    <section class="card form-card" id="log-setting" aria-labelledby="log-setting-title">
      <div class="section-head">
        <h2 id="log-setting-title">What is written down</h2>
      </div>
      <PostForm action={`/sites/${props.slug}/traffic/log`}>
        <FormErrors refusal={refusal} />
        <Select
          name="accessLog"
          label="Of each request"
          typed={typed}
          refusal={refusal}
          options={accessLogDetails.map((value) => ({ value, label: words[value] }))}
          hint="Addresses and browsers are personal data: write them down only if you need them. Without them, addresses are cut to their network (/24, /48) and referrers to their host; queries are left out."
        />
        <div class="field-row">
          <Field
            name="accessLogBytes"
            label="At most"
            typed={typed}
            refusal={refusal}
            hint="Such as 8 MB; the oldest lines go first."
          />
          <Field
            name="accessLogDays"
            label="For so many days"
            typed={typed}
            refusal={refusal}
            inputmode="numeric"
            hint="1 to 90; older lines are removed."
          />
        </div>
        <div class="form-end">
          <button>Save</button>
        </div>
      </PostForm>
    </section>
  );
};
