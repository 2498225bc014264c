/** @jsxImportSource hono/jsx */
import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import type { Word } from "../words.ts";
import { Checkbox, Field, PostForm, TextArea } from "./form.tsx";
import { fieldsOf, RuleCard, type RuleParts } from "./rule-card.tsx";
import { PagePreview } from "./rule-pages.tsx";

/** Maintenance: the switch, when visitors may come back, and what they see until then. */
export const MaintenanceRule = (props: RuleParts & { state: Word }) => {
  const field = fieldsOf("maintenance", props);
  return (
    <RuleCard
      {...props}
      section="maintenance"
      title="Maintenance"
      more={<PagePreview base={props.base} page="maintenance" label="Preview the maintenance page" />}
    >
      <Checkbox
        name="maintenance"
        label="Answer every visitor 503, with a page that says so"
        checked={props.typed.maintenance === "yes"}
        hint="The app goes on running; who waits for it is told to come back."
      />
      <Field
        {...field}
        name="retryAfterSeconds"
        label="Back in, seconds"
        inputmode="numeric"
        hint="Told to search engines and programs as Retry-After."
      />
      <TextArea
        {...field}
        name="pageMaintenance"
        label="Its page, as HTML"
        mono
        rows={4}
        placeholder="<!doctype html> …"
        hint="A whole document, 64 KB at most. Empty for the edge's own."
      />
    </RuleCard>
  );
};

/** Basic authentication: one user at a time, since passwords are never shown again. */
export const UsersRule = (props: RuleParts & { state: Word; users: EdgeRulesView["basicAuth"] }) => {
  const field = fieldsOf("users", props);
  return (
    <RuleCard
      {...props}
      section="users"
      title="Users with a password"
      act="Set password"
      also={
        props.users.length > 0 && (
          <ul class="rule-users" aria-label="Users">
            {props.users.map(({ name }) => (
              <li>
                <span class="mono people-text">{name}</span>
                <details class="danger-act">
                  <summary class="button small" aria-label={`Remove user ${name}…`}>
                    Remove…
                  </summary>
                  <PostForm action={`${props.base}/users/remove`}>
                    <p>
                      {props.users.length === 1
                        ? "The last one: from then on everybody sees the site, without a password."
                        : "Their password opens the site no longer."}
                    </p>
                    <input type="hidden" name="userName" value={name} />
                    <button class="danger">Remove {name}</button>
                  </PostForm>
                </details>
              </li>
            ))}
          </ul>
        )
      }
    >
      <p class="hint">
        {props.users.length === 0
          ? "With the first user the browser asks every visitor for name and password."
          : "Visitors are asked for name and password. A name that is there gets a new one."}
      </p>
      <div class="row-of-fields">
        <Field {...field} name="userName" label="User" mono required autocomplete="off" />
        <Field
          {...field}
          name="userPassword"
          label="Password"
          type="password"
          required
          autocomplete="new-password"
          hint="8 characters at least; kept hashed, shown to nobody."
        />
      </div>
    </RuleCard>
  );
};

export const NetworksRule = (props: RuleParts & { state: Word }) => {
  const field = fieldsOf("networks", props);
  return (
    <RuleCard {...props} section="networks" title="Networks">
      <TextArea
        {...field}
        name="allow"
        label="Only from these"
        mono
        hint="One a line, such as 192.0.2.0/24, 2001:db8::/32 or one address. Empty for everybody; others get 403."
      />
      <TextArea
        {...field}
        name="deny"
        label="Never from these"
        mono
        hint="They get 403, whatever stands above."
      />
    </RuleCard>
  );
};
