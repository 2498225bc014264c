/** @jsxImportSource hono/jsx */
import { isHeldUp, isTerminal } from "../../domain/deployment.ts";
import { formatBytes } from "../../domain/size.ts";
import type { DeploymentView, LogLineView, SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { deploymentTitle } from "../components/deployment-table.tsx";
import { ActButton } from "../components/form.tsx";
import { LogLines } from "../components/log-lines.tsx";
import { hostOfUrl, safeUrl } from "../components/site-header.tsx";
import { StepLine } from "../components/step-line.tsx";
import { Time } from "../components/time.tsx";
import { origin, progressSentence, segments, servingSentence } from "../deployment-lines.ts";
import { duration, plural, sentence, shortHash } from "../format.ts";
import { useShell } from "../shell.ts";
import { deploymentWord } from "../words.ts";

export interface DeploymentPageProps {
  deployment: DeploymentView;
  site: SiteView;
  lines: LogLineView[];
  /** Whether the whole log was asked for. */
  all: boolean;
}

/** One deployment: steps, outcome, log. Regions with `data-live` are replaced by the island when it ends. */
export const DeploymentPage = (props: DeploymentPageProps) => {
  const { deployment, lines } = props;
  const { nowMs } = useShell();
  const over = isTerminal(deployment.status);
  const earlier = (lines[0]?.seq ?? 1) - 1;
  return (
    <>
      <DeploymentHead {...props} />
      <div id="steps" data-live>
        <StepLine segments={segments(deployment, nowMs)} />
      </div>
      <Outcome {...props} />
      <div
        id="deployment"
        data-id={deployment.id}
        data-over={over ? "yes" : "no"}
        data-after={String(lines.at(-1)?.seq ?? 0)}
        data-view={over ? undefined : JSON.stringify(deployment)}
        data-now={String(nowMs)}
      >
        <div class="section-head">
          <h2 id="log-title">Log</h2>
          <p class="soft" role="status" id="live-state">
            {over ? "" : progressSentence(deployment)}
          </p>
        </div>
        <div class="log" role="region" aria-labelledby="log-title" tabindex={0} id="log">
          {earlier > 0 && !props.all && (
            <p class="earlier">
              <a href={`/deployments/${deployment.id}?log=all`}>{plural(earlier, "earlier line")}</a>
            </p>
          )}
          {lines.length === 0 && over && <p class="earlier">It printed nothing.</p>}
          <ol id="lines">
            <LogLines lines={lines} />
          </ol>
          <ol id="live-lines" />
        </div>
      </div>
      <Build {...props} />
    </>
  );
};

const DeploymentHead = ({ deployment, site }: DeploymentPageProps) => {
  const live = deployment.release !== null && deployment.release === site.currentRelease?.number;
  return (
    <header class="page-head" id="head" data-live>
      <div class="title">
        <h1>
          <a href={`/sites/${deployment.site}`}>{deployment.site}</a> <span class="slash">/</span>{" "}
          <span class="what people-text">{deploymentTitle(deployment)}</span>
        </h1>
        <Badge word={deploymentWord(deployment.status, live)} id="state" />
        <p class="facts">
          <span class="people-text">
            {deployment.commit && <code>{shortHash(deployment.commit.hash)} </code>}
            {origin(deployment)[0]}
          </span>
          {origin(deployment)
            .slice(1)
            .map((fact) => (
              <span>{fact}</span>
            ))}
          <span>
            <Time at={deployment.createdAt} />
          </span>
          {!isTerminal(deployment.status) && <span>{servingSentence(deployment)}</span>}
        </p>
      </div>
      <div class="acts">
        {isTerminal(deployment.status) ? (
          <a class="button" href={`/sites/${deployment.site}`}>
            To the site
          </a>
        ) : (
          <ActButton action={`/deployments/${deployment.id}/cancel`} label="Cancel this deployment">
            Cancel
          </ActButton>
        )}
      </div>
    </header>
  );
};

/** How it ended: the reason, what visitors get, what to do next. */
const Outcome = ({ deployment, site }: DeploymentPageProps) => {
  const took =
    deployment.completedAt && deployment.startedAt
      ? duration(Date.parse(deployment.completedAt) - Date.parse(deployment.startedAt))
      : null;
  const address = site.urls[0];
  const tone = deployment.status === "failed" ? "rust" : deployment.status === "success" ? "moss" : "quiet";
  return (
    <div id="outcome" data-live tabindex={-1}>
      {isHeldUp(deployment) && (
        <section class="outcome quiet" aria-label="What it waits for">
          <p class="cause people-text">{sentence(deployment.error!.message)}</p>
        </section>
      )}
      {isTerminal(deployment.status) && (
        <section class={`outcome ${tone}`} aria-label="Outcome">
          {deployment.error && <p class="cause people-text">{sentence(deployment.error.message)}</p>}
          <p>
            {servingSentence(deployment)}
            {took && ` The deployment took ${took}.`}
            {deployment.status === "success" && address && (
              <>
                {" "}
                <a href={safeUrl(address)}>{hostOfUrl(address)}</a>
              </>
            )}
          </p>
          {deployment.build?.errorExcerpt && deployment.build.errorExcerpt !== deployment.error?.message && (
            <pre class="excerpt" tabindex={0} aria-label="Where the build failed">
              {deployment.build.errorExcerpt}
            </pre>
          )}
          {deployment.status === "failed" && deployment.trigger !== "rollback" && (
            <ActButton action={`/sites/${deployment.site}/deploy`} values={againValues(deployment)}>
              Try again
            </ActButton>
          )}
        </section>
      )}
    </div>
  );
};

const againValues = (deployment: DeploymentView): Record<string, string> => ({
  ...(deployment.branch ? { branch: deployment.branch } : {}),
  ...(deployment.commit ? { commit: deployment.commit.hash } : {}),
  ...(deployment.image ? { image: deployment.image } : {}),
});

const Build = ({ deployment: { build } }: DeploymentPageProps) => (
  <div id="build" data-live>
    {build && (
      <section class="card" aria-labelledby="build-title">
        <h2 id="build-title">The build</h2>
        <dl class="facts-list in-line">
          {(build.language || build.framework) && (
            <>
              <dt>Found</dt>
              <dd>{[build.language, build.framework].filter(Boolean).join(", ")}</dd>
            </>
          )}
          {build.sizeBytes !== null && (
            <>
              <dt>Image</dt>
              <dd>
                {formatBytes(build.sizeBytes)}
                {build.layers !== null && `, ${plural(build.layers, "layer")}`}
              </dd>
            </>
          )}
          <dt>Took</dt>
          <dd>{duration(build.durationMs)}</dd>
          {build.optimisations.length > 0 && (
            <>
              <dt>Optimised</dt>
              <dd>{build.optimisations.join("; ")}</dd>
            </>
          )}
        </dl>
        {build.dockerfile && (
          <details>
            <summary>
              {build.dockerfileGenerated
                ? "Dockerfile that Croft wrote"
                : (build.dockerfilePath ?? "Dockerfile")}
            </summary>
            <pre tabindex={0}>{build.dockerfile}</pre>
          </details>
        )}
      </section>
    )}
  </div>
);
