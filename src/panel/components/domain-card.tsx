/** @jsxImportSource hono/jsx */
import type { CertificateView, DomainView, OwnAddressView } from "../../domain/views.ts";
import { certificateWord, domainId, domainWord } from "../domain-words.ts";
import type { Refusal, Typed } from "../form.ts";
import { sentence } from "../format.ts";
import { useShell } from "../shell.ts";
import type { Word } from "../words.ts";
import { Badge } from "./badge.tsx";
import { DnsRecords } from "./dns-records.tsx";
import { ActButton, Checkbox, FormErrors, PostForm, Select } from "./form.tsx";
import { safeUrl } from "./site-header.tsx";
import { Time } from "./time.tsx";

/** What is announced when it has changed while the page stood open. */
const State = ({ name, word }: { name: string; word: Word }) => (
  <span data-say={`${name}: ${word.text}`}>
    <Badge word={word} />
  </span>
);

export const OwnAddress = ({ own }: { own: OwnAddressView }) => {
  return (
    <section class="card domain" aria-label={own.name}>
      <div class="section-head">
        <h2>
          <a href={safeUrl(own.url)}>{own.name}</a>
        </h2>
        <State name={own.name} word={certificateWord(own.certificate)} />
      </div>
      {own.certificate?.error && <p class="error">{sentence(own.certificate.error)}</p>}
      <p class="soft">
        The site's own address, whatever its domains are.{" "}
        {own.certificate ? (
          <CertificateFacts certificate={own.certificate} />
        ) : (
          "No certificate is ordered for it: it is served over plain HTTP."
        )}
      </p>
    </section>
  );
};

const sentenceEnd = (text: string): string => `${text}.`;

interface DomainProps {
  domain: DomainView;
  /** All of the site's, for what it may lead to. */
  all: DomainView[];
  base: string;
  refused: { typed: Typed; refusal: Refusal } | null;
}

/** One domain: its state, what to do next, its certificate, and what can be changed. */
export const DomainCard = (props: DomainProps) => {
  const { domain, base } = props;
  const path = `${base}/${encodeURIComponent(domain.name)}`;
  const linked = domain.state === "verified" && !domain.name.startsWith("*.");
  return (
    <section class="card domain" aria-label={domain.name} id={domainId(domain.name)}>
      <div class="section-head">
        <h2>{linked ? <a href={safeUrl(domain.url)}>{domain.name}</a> : domain.name}</h2>
        <State name={domain.name} word={domainWord(domain)} />
        {domain.primary && <Badge word={{ text: "Primary", tone: "quiet" }} />}
      </div>
      {domain.redirectTo && (
        <p>
          Leads to <strong>{domain.redirectTo}</strong>.
        </p>
      )}
      {domain.error && <p class="error">{sentence(domain.error)}</p>}
      {domain.nextStep && (
        <div class="next-step">
          <p>
            <strong>Next:</strong>{" "}
            {domain.records.length > 1
              ? `add these ${domain.records.length} records where the domain's DNS is kept.`
              : sentenceEnd(domain.nextStep)}
          </p>
          {domain.records.length > 0 && <DnsRecords records={domain.records} />}
        </div>
      )}
      {domain.certificate?.nextStep && (
        <p>
          <strong>Next:</strong> {sentenceEnd(domain.certificate.nextStep)}
        </p>
      )}
      <p class="soft">
        <Facts domain={domain} />
      </p>
      <div class="acts domain-acts">
        <ActButton action={`${path}/verify`} class="small" label={`Look at ${domain.name} now`}>
          Check now
        </ActButton>
        <Change {...props} path={path} />
        <details class="danger-act">
          <summary class="button small" aria-label={`Remove ${domain.name}…`}>
            Remove…
          </summary>
          <PostForm action={`${path}/remove`}>
            <p>
              The site no longer answers at {domain.name} from then on, and another site may take the name.
            </p>
            <button class="danger">Remove {domain.name}</button>
          </PostForm>
        </details>
      </div>
    </section>
  );
};

const Change = ({ domain, all, path, refused }: DomainProps & { path: string }) => {
  const prefix = `${domainId(domain.name)}-`;
  const primary = all.find((one) => one.primary && one.name !== domain.name);
  // Of a chain nobody sees the end: only domains that the site answers at itself.
  const targets = all.filter(
    (one) => one.name !== domain.name && one.state === "verified" && one.redirectTo === null,
  );
  const typed: Typed = refused?.typed ?? {
    redirectTo: domain.redirectTo ?? "",
    primary: domain.primary ? "yes" : "",
    automaticHttps: domain.automaticHttps ? "yes" : "",
  };
  return (
    <details class="domain-change" open={refused !== null}>
      <summary class="button small" aria-label={`Change ${domain.name}…`}>
        Change…
      </summary>
      <PostForm action={path}>
        <FormErrors refusal={refused?.refusal ?? null} idPrefix={prefix} />
        {primary === undefined && targets.length > 0 && (
          <Select
            name="redirectTo"
            label="Visitors"
            idPrefix={prefix}
            typed={typed}
            refusal={refused?.refusal ?? null}
            options={[
              { value: "", label: "are served here" },
              ...targets.map(({ name }) => ({ value: name, label: `are led to ${name}` })),
            ]}
            hint="By 308, with path and query."
          />
        )}
        <Checkbox
          id={`${prefix}primary`}
          name="primary"
          label="Primary domain"
          checked={typed.primary === "yes"}
          hint={
            primary
              ? `In place of ${primary.name}, which every other domain leads to now.`
              : "Every other domain of the site leads to it."
          }
        />
        <Checkbox
          id={`${prefix}automaticHttps`}
          name="automaticHttps"
          label="Automatic HTTPS"
          checked={typed.automaticHttps === "yes"}
          hint="Its certificate is ordered and renewed by itself. Without one, or one of your own, it is served over plain HTTP."
        />
        <button>Save</button>
      </PostForm>
    </details>
  );
};

const Facts = ({ domain }: { domain: DomainView }) => {
  const { certificate } = domain;
  if (domain.state === "waiting")
    return (
      <>
        {domain.checkedAt && <Checked at={domain.checkedAt} />}
        {domain.nextCheckAt && <NextCheck at={domain.nextCheckAt} />}
        {domain.expiresAt && (
          <>
            The claim ends <Time at={domain.expiresAt} />.
          </>
        )}
      </>
    );
  if (!certificate)
    return <>{domain.automaticHttps ? "Its certificate comes by itself." : "Served over plain HTTP."}</>;
  return <CertificateFacts certificate={certificate} />;
};

/** What a relative time would call "now". */
const nearMs = 45_000;

const Checked = ({ at }: { at: string }) =>
  useShell().nowMs - Date.parse(at) < nearMs ? (
    <>Checked just now. </>
  ) : (
    <>
      Last checked <Time at={at} />.{" "}
    </>
  );

const NextCheck = ({ at }: { at: string }) =>
  Date.parse(at) - useShell().nowMs < nearMs ? (
    <>The next check is in a moment. </>
  ) : (
    <>
      Next check <Time at={at} />.{" "}
    </>
  );

const CertificateFacts = ({ certificate }: { certificate: CertificateView }) => {
  const failed = certificate.error && certificate.errorAt && (
    <>
      ; failed <Time at={certificate.errorAt} />
    </>
  );
  if (certificate.notAfter === null)
    return (
      <>
        Its certificate is ordered by itself{failed}
        {certificate.nextAttemptAt && certificate.error && (
          <>
            ; next try <Time at={certificate.nextAttemptAt} />
          </>
        )}
        .
      </>
    );
  return (
    <>
      Certificate {certificate.source === "uploaded" ? "uploaded, " : ""}by {certificate.issuer}, valid until{" "}
      <Time at={certificate.notAfter} />
      {failed}
      {certificate.nextAttemptAt && (
        <>
          ; {certificate.error ? "next try" : "renewal"} <Time at={certificate.nextAttemptAt} />
        </>
      )}
      .
    </>
  );
};
