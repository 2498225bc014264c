/** @jsxImportSource hono/jsx */
import type { DeploymentSummary, SiteView } from "../../domain/views.ts";
import { DeploymentTable } from "../components/deployment-table.tsx";
import { Empty } from "../components/empty.tsx";
import { Field, FormErrors, PostForm } from "../components/form.tsx";
import { PushHere } from "../components/push-here.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import type { Refusal, Typed } from "../form.ts";

export const SiteDeployments = (props: {
  site: SiteView;
  items: DeploymentSummary[];
  next: string | null;
  /** True on the second and later pages. */
  older: boolean;
  typed: Typed;
  refusal: Refusal | null;
}) => {
  const { site, items, typed, refusal } = props;
  const base = `/sites/${site.slug}`;
  return (
    <>
      <SiteHeader site={site} tab="Deployments" />
      {items.length === 0 ? (
        <Empty title="Nothing was deployed yet">
          <p>The first push makes the first release:</p>
          <PushHere site={site} first />
        </Empty>
      ) : (
        <DeploymentTable items={items} liveRelease={site.currentRelease?.number ?? null} />
      )}
      {(props.next || props.older) && (
        <nav class="pages" aria-label="Further deployments">
          {props.older && <a href={`${base}/deployments`}>To the newest</a>}
          {props.next && <a href={`${base}/deployments?before=${encodeURIComponent(props.next)}`}>Older</a>}
        </nav>
      )}
      <section class="card form-card" aria-labelledby="deploy">
        <h2 id="deploy">Deploy something else</h2>
        <p class="hint">
          Once, without changing what the site follows. Left empty:{" "}
          {site.type === "image" ? (
            <code>{site.image}</code>
          ) : (
            <>
              the newest of <code>{site.branch}</code>
            </>
          )}
          .
        </p>
        <PostForm action={`${base}/deploy`}>
          <FormErrors refusal={refusal} />
          <div class="row-of-fields">
            {site.type === "image" ? (
              <Field
                name="image"
                label="Image"
                typed={typed}
                refusal={refusal}
                placeholder="nginx:1.27"
                mono
              />
            ) : (
              <>
                <Field
                  name="branch"
                  label="Branch"
                  typed={typed}
                  refusal={refusal}
                  placeholder={site.branch}
                  mono
                />
                <Field
                  name="commit"
                  label="Commit"
                  typed={typed}
                  refusal={refusal}
                  placeholder="all 40 digits of its hash"
                  mono
                />
              </>
            )}
          </div>
          <button class="main">Deploy</button>
        </PostForm>
      </section>
    </>
  );
};
