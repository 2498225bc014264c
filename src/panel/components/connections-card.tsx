/** @jsxImportSource hono/jsx */
import type { ConnectionsView } from "../../domain/link.ts";
import type { SiteView } from "../../domain/views.ts";
import type { Refusal, Typed } from "../form.ts";
import { ActButton, Field, FormErrors, PostForm } from "./form.tsx";

/** Whom a site reaches by name, and who reaches it. */
export const ConnectionsCard = (props: {
  site: SiteView;
  connections: ConnectionsView;
  typed: Typed;
  refusal: Refusal | null;
}) => {
  const { site, connections, typed, refusal } = props;
  const { internal, links, linkedFrom } = connections;
  const base = `/sites/${site.slug}/links`;
  return (
    <section class="card form-card" aria-labelledby="connections">
      <h2 id="connections">Connections</h2>
      <p class="soft">
        {internal
          ? "Internal: visitors are not led here, linked sites alone reach it."
          : "Sites of the same owner that are linked reach each other by name, over a network of theirs alone."}
      </p>
      {links.length > 0 && (
        <ul class="linked" aria-label="Reaches">
          {links.map(({ name, to, port, variables }) => (
            <li>
              <p>
                <a href={`/sites/${to}`}>{to}</a> as <code>{port === null ? name : `${name}:${port}`}</code>
                <br />
                <small class="soft people-text">{variables.join(", ")}</small>
              </p>
              <ActButton
                action={`${base}/${encodeURIComponent(name)}/remove`}
                class="small"
                label={`Unlink ${to}: what is connected is cut`}
              >
                Unlink
              </ActButton>
            </li>
          ))}
        </ul>
      )}
      {linkedFrom.map((from) => (
        <p>
          Reached by <a href={`/sites/${from.site}`}>{from.site}</a> as <code>{from.name}</code>
        </p>
      ))}
      {site.type !== "static" && (
        <PostForm action={base}>
          <FormErrors refusal={refusal} idPrefix="link-" />
          <Field
            name="to"
            idPrefix="link-"
            label="Link to the site"
            typed={typed}
            refusal={refusal}
            required
            placeholder="database"
          />
          <Field
            name="name"
            idPrefix="link-"
            label="Under the name"
            typed={typed}
            refusal={refusal}
            mono
            hint="Empty: the site's own. The variables come with the next start."
          />
          <button>Link</button>
        </PostForm>
      )}
    </section>
  );
};
