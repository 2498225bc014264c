/** @jsxImportSource hono/jsx */
import { siteTypes } from "../../domain/site.ts";
import type { ReleaseView, SiteView } from "../../domain/views.ts";
import { ActButton, Checkbox, Field, FormErrors, PostForm, Select, TextArea } from "../components/form.tsx";
import { hostOfUrl, SiteHeader } from "../components/site-header.tsx";
import type { Refusal, Typed } from "../form.ts";
import { plural } from "../format.ts";
import { typeWords } from "../words.ts";

export interface SettingsProps {
  site: SiteView;
  releases: ReleaseView[];
  /** Sites that are linked to it. */
  linkedFrom: string[];
  typed: Typed;
  refusal: Refusal | null;
  /** Which of the page's forms was refused. */
  refused: "settings" | "delete" | null;
}

/** How the site is built and started, and the danger zone. */
export const SiteSettings = (props: SettingsProps) => {
  const { site, typed } = props;
  const refusal = props.refused === "settings" ? props.refusal : null;
  const common = { typed, refusal };
  return (
    <>
      <SiteHeader site={site} tab="Settings" />
      <section class="card form-card settings" aria-labelledby="settings">
        <h2 id="settings">Settings</h2>
        <PostForm action={`/sites/${site.slug}/settings`}>
          <FormErrors refusal={refusal} />
          <fieldset>
            <legend>For people</legend>
            <Field name="name" label="Name" {...common} hint="For people; the address stays as it is." />
            <TextArea name="description" label="Description" {...common} rows={2} />
          </fieldset>
          <fieldset>
            <legend>Source</legend>
            <Field
              name="repositoryUrl"
              label="Git address"
              {...common}
              mono
              inputmode="url"
              placeholder="https://example.org/team/app.git"
              hint="Empty for a site that is pushed to Croft."
            />
            <Field name="branch" label="Branch" {...common} mono required />
            <Field
              name="rootDirectory"
              label="Folder"
              {...common}
              mono
              hint="Inside the repository; empty for its root."
            />
            <Field
              name="image"
              label="Image"
              {...common}
              mono
              placeholder="nginx:1.27"
              hint="For kind “Ready image”."
            />
            <Checkbox
              name="autoDeploy"
              label="Deploy at each push"
              checked={typed.autoDeploy === "yes"}
              hint="Pushes and hooks of the branch deploy by themselves."
            />
          </fieldset>
          <fieldset>
            <legend>Build and start</legend>
            <Select
              name="type"
              label="Kind"
              {...common}
              options={siteTypes.map((type) => ({ value: type, label: typeWords[type] }))}
            />
            <Field
              name="buildCommand"
              label="Build command"
              {...common}
              mono
              hint="Empty: what fits the language."
            />
            <Field
              name="startCommand"
              label="Start command"
              {...common}
              mono
              hint="Empty: what fits the language or the image."
            />
            <Field
              name="port"
              label="Port"
              {...common}
              inputmode="numeric"
              hint="Empty: found out at each deploy. The app is given it as PORT."
            />
          </fieldset>
          <fieldset>
            <legend>Disk</legend>
            <Checkbox
              name="readOnlyRoot"
              label="Write to volumes and /tmp alone"
              checked={typed.readOnlyRoot === "yes"}
              hint="Everything else is read-only for the app, from its next start on. /tmp is memory, and empty then."
            />
          </fieldset>
          <fieldset>
            <legend>Network</legend>
            <Checkbox
              name="internal"
              label="Internal: no address of its own"
              checked={typed.internal === "yes"}
              hint="For a database or a cache: visitors are not led here, only linked sites reach it, by name."
            />
            <Checkbox
              name="egress"
              label="May connect to the world outside"
              checked={typed.egress === "yes"}
              hint="Without it the app answers visitors and reaches sites it is linked to, and nothing else. Builds are not concerned."
            />
          </fieldset>
          <fieldset>
            <legend>After a restart of Docker or the server</legend>
            <Field
              name="restorePriority"
              label="Importance"
              {...common}
              inputmode="numeric"
              hint="0 to 100. Sites come back a few at a time, the highest first, and what a site is linked to before it."
            />
          </fieldset>
          <fieldset>
            <legend>Health check</legend>
            <Select
              name="healthCheck.type"
              label="Probe by"
              {...common}
              options={[
                { value: "http", label: "HTTP: an answer of 200 to 399" },
                { value: "tcp", label: "TCP: the port opens" },
              ]}
            />
            <Field name="healthCheck.path" label="Path" {...common} mono />
            <Field
              name="healthCheck.deadlineSeconds"
              label="Deadline, seconds"
              {...common}
              inputmode="numeric"
              hint="How long a new release may take until it answers."
            />
          </fieldset>
          <button class="main">Save</button>
        </PostForm>
      </section>
      <section class="card form-card" aria-labelledby="sleep">
        <h2 id="sleep">Sleep</h2>
        <p class="soft">
          While nobody visits a site, it is frozen and later stopped; the next request wakes it.{" "}
          <a href={`/sites/${site.slug}/sleep`}>When this one sleeps</a>
        </p>
      </section>
      <Danger {...props} />
    </>
  );
};

const Danger = (props: SettingsProps) => {
  const { site, releases } = props;
  const refusal = props.refused === "delete" ? props.refusal : null;
  const kept = releases.filter((release) => release.kept).length;
  const stopped = site.status === "stopped";
  return (
    <section class="card danger-zone" aria-labelledby="danger">
      <h2 id="danger">Danger zone</h2>
      {!stopped && (
        <div class="danger-row">
          <div>
            <h3>{site.pause ? "Resume" : "Pause"}</h3>
            <p class="soft">
              {site.pause
                ? "What waits goes on, in the order of its coming."
                : "Requests wait at the edge, 30 s each, while you migrate or restart something; ten minutes at most."}
            </p>
          </div>
          <ActButton action={`/sites/${site.slug}/${site.pause ? "resume" : "pause"}`}>
            {site.pause ? "Resume the site" : "Pause the site"}
          </ActButton>
        </div>
      )}
      {!stopped && site.replicas.length > 0 && (
        <div class="danger-row">
          <div>
            <h3>Restart</h3>
            <p class="soft">
              New containers of the current release. What is under way ends well, other requests wait a
              moment.
            </p>
          </div>
          <ActButton action={`/sites/${site.slug}/restart`}>Restart the site</ActButton>
        </div>
      )}
      <div class="danger-row">
        <div>
          <h3>{stopped ? "Start" : "Stop"}</h3>
          <p class="soft">
            {stopped
              ? "The current release is started again and serves."
              : "Replicas end, visitors see a page that says so. Nothing is lost; start it again at any time."}
          </p>
        </div>
        <ActButton action={`/sites/${site.slug}/${stopped ? "start" : "stop"}`}>
          {stopped ? "Start the site" : "Stop the site"}
        </ActButton>
      </div>
      <div class="danger-row">
        <div>
          <h3 id="delete">Delete</h3>
          <p class="soft">
            {props.linkedFrom.length > 0 && `${props.linkedFrom.join(", ")} would reach it no longer. `}
            {`Lost for good: ${plural(kept, "kept release")} with their images, the deployments' logs, environment variables, hooks, usage figures, the git repository in Croft, and the address ${site.urls[0] ? hostOfUrl(site.urls[0]) : ""}.`}
          </p>
          <PostForm action={`/sites/${site.slug}/delete`} class="delete">
            <FormErrors refusal={refusal} />
            {site.volumes.length > 0 && (
              <Checkbox
                name="volumes"
                checked={props.refused === "delete" && props.typed.volumes === "yes"}
                label={`Also delete ${plural(site.volumes.length, "volume")}: ${site.volumes.map((volume) => volume.name).join(", ")}`}
                hint="Left unticked, what the volumes hold stays on the server."
              />
            )}
            <Field
              name="confirm"
              label={`Type ${site.slug} to delete it`}
              typed={props.refused === "delete" ? props.typed : {}}
              refusal={refusal}
              required
            />
            <button class="danger">Delete {site.slug}</button>
          </PostForm>
        </div>
      </div>
    </section>
  );
};
