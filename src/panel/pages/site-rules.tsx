/** @jsxImportSource hono/jsx */
import type { SiteView } from "../../domain/views.ts";
import { Checkbox, Field, FormErrors, PostForm, Select, TextArea } from "../components/form.tsx";
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
  const shown = refusal && { ...refusal, fields: refusal.fields.map(toField) };
  const field = { typed, refusal: shown };
  return (
    <>
      <SiteHeader site={site} tab="Rules" />
      <PostForm action={`/sites/${site.slug}/rules`}>
        <FormErrors refusal={shown} />
        <section>
          <h2>Maintenance</h2>
          <Checkbox
            name="maintenance"
            label="Answer every visitor 503 with a page that says so"
            checked={typed.maintenance === "yes"}
          />
          <Field
            {...field}
            name="retryAfterSeconds"
            label="Back in, seconds"
            inputmode="numeric"
            hint="Told to search engines and programs as Retry-After."
          />
        </section>
        <section>
          <h2>Who may visit</h2>
          <TextArea
            {...field}
            name="basicAuth"
            label="Users with a password"
            mono
            hint="One a line, as name: password. A name alone keeps its password; without any line no password is asked for."
          />
          <TextArea
            {...field}
            name="allow"
            label="Only from these networks"
            mono
            hint="One a line, such as 192.0.2.0/24 or 2001:db8::/32. Empty for everybody."
          />
          <TextArea {...field} name="deny" label="Never from these networks" mono />
        </section>
        <section>
          <h2>Addresses and answers</h2>
          <TextArea
            {...field}
            name="redirects"
            label="Redirects"
            mono
            hint="One a line, as /old /new 301. A star behind the path, /blog*, is for all below. 308 when no status is given."
          />
          <TextArea
            {...field}
            name="responseHeaders"
            label="Response headers"
            mono
            hint="One a line, such as X-Frame-Options: DENY. In place of the app's own of that name."
          />
          <Field
            {...field}
            name="hstsSeconds"
            label="HTTPS only for so many seconds"
            inputmode="numeric"
            hint="Strict-Transport-Security. Empty for none; browsers hold on to it that long."
          />
          <Checkbox
            name="spaFallback"
            label="Static site: paths without a file get /index.html"
            checked={typed.spaFallback === "yes"}
          />
          <Checkbox
            name="precompressed"
            label="Static site: send .br, .zst and .gz files that lie beside others"
            checked={typed.precompressed === "yes"}
          />
          <Checkbox
            name="compression"
            label="App: compress what it answers"
            checked={typed.compression === "yes"}
            hint="gzip or zstd, text from 1 KB on. Requests that other sites make with a cookie are answered as they are."
          />
        </section>
        <section>
          <h2>Pages</h2>
          <TextArea
            {...field}
            name="pageNotFound"
            label="Nothing at this address"
            mono
            hint="Whole HTML documents, 64 KB at most, in place of the edge's own. What the app itself answers stays."
          />
          <TextArea {...field} name="pageError" label="The site does not answer" mono />
          <TextArea {...field} name="pageMaintenance" label="Under maintenance" mono />
        </section>
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

const pageFields: Record<string, string> = {
  "pages.notFound": "pageNotFound",
  "pages.error": "pageError",
  "pages.maintenance": "pageMaintenance",
  "maintenance.retryAfterSeconds": "retryAfterSeconds",
};

/** `redirects.2.from must …` belongs to the third line of one text. */
const toField = ({ path, message }: Refusal["fields"][number]): Refusal["fields"][number] => {
  const [field, line, part] = path.split(".");
  if (pageFields[path] !== undefined) return { path: pageFields[path], message };
  if (line === undefined || !/^\d+$/.test(line)) return { path, message };
  return {
    path: field!,
    message: `line ${Number(line) + 1}${part === undefined ? "" : `: ${part}`} ${message}`,
  };
};
