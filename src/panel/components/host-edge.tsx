/** @jsxImportSource hono/jsx */
import type { HttpsView } from "../../domain/views.ts";
import type { HostView } from "../deps.ts";
import { certificateWord } from "../domain-words.ts";
import { sentence } from "../format.ts";
import type { Word } from "../words.ts";
import { Badge } from "./badge.tsx";
import { ActButton } from "./form.tsx";
import { safeUrl } from "./site-header.tsx";
import { Time } from "./time.tsx";

const edgeWord = ({ up, problem, health }: HostView["edge"]): Word => {
  if (up) return { text: "Up", tone: "moss" };
  // It runs, but has not taken the routes of now.
  if (health !== null) return { text: "Not in step", tone: "amber" };
  return problem === null ? { text: "Starting", tone: "amber" } : { text: "Down", tone: "rust" };
};

/** What the proxy process says of itself. */
export const HostEdge = ({ edge }: { edge: HostView["edge"] }) => {
  const { health } = edge;
  return (
    <section class="card" aria-labelledby="edge">
      <div class="section-head">
        <h2 id="edge">Edge</h2>
        <Badge word={edgeWord(edge)} />
      </div>
      {edge.problem && <p class="error wrap">{sentence(edge.problem)}</p>}
      {health && (
        <dl class="facts-list">
          <dt>Listens on</dt>
          <dd class="wrap">
            {health.listening.map((address) => (
              <span class="line mono">{address}</span>
            ))}
          </dd>
          <dt>Speaks</dt>
          <dd>
            HTTP/1.1{health.http2 && ", HTTP/2"}
            {health.proxyProtocol && ", PROXY"}
          </dd>
          <dt>Processes</dt>
          <dd>
            {health.processes}
            {health.retired > 0 && `, ${health.retired} finishing`}
          </dd>
          <dt>Version</dt>
          <dd class="wrap">{health.version}</dd>
          <dt>Leads</dt>
          <dd>
            process {health.pid}, since <Time at={health.startedAt} />
          </dd>
        </dl>
      )}
    </section>
  );
};

/** The panel's own domain, the sites' common certificate, and where certificates come from. */
export const HostHttps = ({ https }: { https: HttpsView }) => {
  const { panel, wildcard, authority } = https;
  const word = certificateWord(panel.certificate);
  const errors = [panel.certificate?.error, wildcard?.certificate?.error];
  return (
    <section class="card" aria-labelledby="panel-https">
      <div class="section-head">
        <h2 id="panel-https">HTTPS</h2>
        <span data-say={`${panel.name}: ${word.text}`}>
          <Badge word={word} />
        </span>
      </div>
      <dl class="facts-list">
        <dt>Panel</dt>
        <dd class="wrap">
          <a href={safeUrl(panel.url)}>{panel.name}</a>
        </dd>
        {panel.certificate?.notAfter && (
          <>
            <dt>Certificate</dt>
            <dd class="wrap">
              by {panel.certificate.issuer}, until <Time at={panel.certificate.notAfter} />
            </dd>
          </>
        )}
        {panel.certificate?.nextAttemptAt && (
          <>
            <dt>{panel.certificate.notAfter && !panel.certificate.error ? "Renewal" : "Next try"}</dt>
            <dd>
              <Time at={panel.certificate.nextAttemptAt} />
            </dd>
          </>
        )}
        {wildcard && (
          <>
            <dt class="wrap">{wildcard.name}</dt>
            <dd>{certificateWord(wildcard.certificate).text}</dd>
          </>
        )}
        <dt>Authority</dt>
        <dd class="wrap">
          {authority ? authority.host : "none: nothing is ordered"}
          {authority?.isStaging && ", for trials: no browser accepts it"}
        </dd>
        {authority?.pausedUntil && (
          <>
            <dt>Paused until</dt>
            <dd class="wrap">
              <Time at={authority.pausedUntil} />
              {authority.pauseReason && `: ${authority.pauseReason}`}
            </dd>
          </>
        )}
      </dl>
      {errors.map((error) => error && <p class="error wrap">{sentence(error)}</p>)}
      {panel.nextStep && (
        <p class="wrap">
          <strong>Next:</strong> {panel.nextStep}.
        </p>
      )}
      {errors.some(Boolean) && (
        <ActButton action="/host/https/retry" class="small" label="Try the certificates that failed again">
          Try again
        </ActButton>
      )}
      <p>
        <a href="/host/https">Certificates and DNS</a>
      </p>
    </section>
  );
};
