/** @jsxImportSource hono/jsx */
import type { SiteView } from "../../domain/views.ts";
import { Field, FormErrors, PostForm, Select } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import type { Refusal, Typed } from "../form.ts";

interface RulesProps {
  site: SiteView;
  typed: Typed;
  refusal: Refusal | null;
}

/** What the edge does for a site beyond passing requests on. */
export const SiteRules = (props: RulesProps) => {
  const { site, typed, refusal } = props;
  const field = { typed, refusal };
  return (
    <>
      <SiteHeader site={site} tab="Rules" />
      <PostForm action={`/sites/${site.slug}/rules`}>
        <FormErrors refusal={refusal} />
        <section>
          <h2>Too much</h2>
          <Field
            {...field}
            name="clientRequestsPerMinute"
            label="Requests a minute from one address"
            inputmode="numeric"
            hint="Past it that visitor gets 429, others nothing. Empty for no such limit. An IPv6 network (/64) counts as one."
          />
          <Select
            {...field}
            name="bandwidthPolicy"
            label="When the month's bandwidth is used up"
            options={[
              { value: "throttle", label: "Slow the site down" },
              { value: "block", label: "Answer 509 until the next month" },
              { value: "warn", label: "Only show it here" },
            ]}
            hint="How much that is stands among the limits."
          />
          <Field
            {...field}
            name="bandwidthThrottleBytesPerSecond"
            label="Slowed down to, a second"
            hint="Of all visitors together, such as 256 KB."
          />
        </section>
        <div class="form-end">
          <button class="main">Set rules</button>
          <p class="hint">Visitors meet them at once, without a deploy.</p>
        </div>
      </PostForm>
    </>
  );
};
