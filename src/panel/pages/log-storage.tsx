/** @jsxImportSource hono/jsx */
import type { LogStorageView, Retention } from "../../domain/retention.ts";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { Field, FormErrors, PostForm } from "../components/form.tsx";
import { Bar } from "../components/meter.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import type { Refusal, Typed } from "../form.ts";

export interface Typing {
  typed: Typed;
  refusal: Refusal | null;
}

/** How much of one site's log is kept. */
export const LogStorage = (props: { site: SiteView; storage: LogStorageView } & Typing) => {
  const { site, storage, typed, refusal } = props;
  return (
    <>
      <SiteHeader site={site} tab="Logs" />
      <p class="toolbar">
        <a href={`/sites/${site.slug}/logs`}>Back to the log</a>
      </p>
      <section class="card kept-card log-storage" aria-labelledby="storage-title">
        <h2 id="storage-title">What is kept of the log</h2>
        {storage.stored ? (
          <>
            <p>
              {formatBytes(storage.usedBytes)} of {formatBytes(storage.maxBytes)}
            </p>
            <Bar used={storage.usedBytes} limit={storage.maxBytes} />
          </>
        ) : (
          <p>Nothing is kept at present: the engine's log files cannot be read from here.</p>
        )}
        <p class="soft">
          Lines are packed, so this is about ten times as much text. The oldest go first. The log is not part
          of the site's disk limit, and not of backups.
        </p>
        <FormErrors refusal={refusal} />
        <PostForm action={`/sites/${site.slug}/logs/storage`}>
          <Field
            name="maxBytes"
            label="Size on disk"
            typed={typed}
            hint={`Such as 50m. Empty: what holds for all sites. At present ${formatBytes(storage.maxBytes)}.`}
            refusal={refusal}
          />
          <Field
            name="days"
            label="Days"
            typed={typed}
            hint={`Empty: what holds for all sites. At present ${storage.days} days.`}
            refusal={refusal}
          />
          <button class="main">Save</button>
        </PostForm>
      </section>
    </>
  );
};

const dayFields: { name: keyof Retention; label: string; hint: string }[] = [
  { name: "appLogDays", label: "What sites print", hint: "Days, 1 to 365." },
  { name: "deploymentLogDays", label: "Logs of deployments", hint: "Days; then they are packed, and stay." },
  { name: "auditDays", label: "Who did what", hint: "Days of the audit log, 30 at least." },
  { name: "securityEventDays", label: "Security events", hint: "Days, 30 at least." },
  { name: "eventDays", label: "Events of sites and host", hint: "Days." },
  { name: "deliveryDays", label: "Deliveries to webhooks", hint: "Days." },
  { name: "replicaDays", label: "Containers that are gone", hint: "Days that they are remembered." },
  { name: "buildCacheDays", label: "Layers of builds", hint: "Days; they make the next build quick." },
  { name: "releasesKept", label: "Releases of each site", hint: "2 to 50, to roll back to." },
];

/** How long what is written down is kept, for the whole installation. */
export const HostRetention = ({ typed, refusal }: Typing) => (
  <>
    <header class="page-head">
      <h1>What is kept, and how long</h1>
      <p>
        <a href="/host">Back to the host</a>
      </p>
    </header>
    <section class="card kept-card">
      <p class="soft">
        What is older goes every night, in small steps that nobody waits for. Deployments, releases and usage
        by month stay for ever.
      </p>
      <FormErrors refusal={refusal} />
      <PostForm action="/host/retention">
        <div class="field-row">
          <Field
            name="appLogBytes"
            label="What each site prints"
            typed={typed}
            hint="Size on disk, packed, such as 100m."
            refusal={refusal}
          />
          {dayFields.map(({ name, label, hint }) => (
            <Field name={name} label={label} typed={typed} hint={hint} refusal={refusal} />
          ))}
        </div>
        <button class="main">Save</button>
      </PostForm>
    </section>
  </>
);
