/** @jsxImportSource hono/jsx */
import type { CertificateView, DomainView, OwnAddressView, SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Command } from "../components/command.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, Checkbox, Field, FormErrors, PostForm } from "../components/form.tsx";
import { safeUrl, SiteHeader } from "../components/site-header.tsx";
import { Time } from "../components/time.tsx";
import { Certificates } from "../components/certificates.tsx";
import type { Refusal, Typed } from "../form.ts";
import { sentence } from "../format.ts";
import type { Word } from "../words.ts";

export interface DomainsRefused {
  form: "add" | "change" | "certificate";
  typed: Typed;
  refusal: Refusal;
}

/** Names that a site answers at: what each waits for, where it leads, and its certificate. */
export const SiteDomains = (props: {
  site: SiteView;
  own: OwnAddressView;
  domains: DomainView[];
  certificates: CertificateView[];
  refused: DomainsRefused | null;
}) => {
  const { site, domains, refused } = props;
  const base = `/sites/${site.slug}/domains`;
  const of = (form: DomainsRefused["form"]) => (refused?.form === form ? refused : null);
  return (
    <>
      <SiteHeader site={site} tab="Domains" />
      <FormErrors refusal={of("change")?.refusal ?? null} />
      <div class="columns">
        <section class="wide-column" aria-label="Domains">
          <OwnAddress own={props.own} />
          {domains.length === 0 ? (
            <Empty title="No domain of its own yet">
              <p>Add one, and the DNS record that it needs is shown here. HTTPS comes by itself.</p>
            </Empty>
          ) : (
            domains.map((domain) => <Domain domain={domain} base={base} />)
          )}
          <Certificates site={site} certificates={props.certificates} refused={of("certificate")} />
        </section>
        <section class="card side-column form-card" aria-labelledby="add">
          <h2 id="add">Add a domain</h2>
          <PostForm action={base}>
            <FormErrors refusal={of("add")?.refusal ?? null} />
            <Field
              name="name"
              label="Name"
              typed={of("add")?.typed ?? {}}
              refusal={of("add")?.refusal ?? null}
              required
              mono
              inputmode="url"
              placeholder="www.example.org"
              hint="Without https:// and path."
            />
            <Checkbox
              name="www"
              label="With and without www"
              checked={refused === null || of("add")?.typed.www === "yes"}
              hint="The other name leads to the one above."
            />
            <Checkbox
              name="primary"
              label="Primary domain"
              checked={of("add")?.typed.primary === "yes"}
              hint="Every other domain of the site leads to it."
            />
            <button class="main">Add</button>
          </PostForm>
        </section>
      </div>
    </>
  );
};

const OwnAddress = ({ own }: { own: OwnAddressView }) => (
  <section class="card domain" aria-label={own.name}>
    <div class="section-head">
      <h2>
        <a href={safeUrl(own.url)}>{own.name}</a>
      </h2>
      <Badge word={certificateWord(own.certificate)} />
    </div>
    {own.certificate?.error && <p class="error">{sentence(own.certificate.error)}</p>}
    <p class="soft">
      The site's own address, whatever its domains are.{" "}
      {own.certificate && <CertificateFacts certificate={own.certificate} />}
    </p>
  </section>
);

const certificateWord = (certificate: CertificateView | null): Word => {
  if (certificate?.notAfter) return { text: "HTTPS", tone: "moss" };
  if (certificate?.error) return { text: "No certificate yet", tone: "rust" };
  return certificate
    ? { text: "Certificate on its way", tone: "amber" }
    : { text: "Plain HTTP", tone: "quiet" };
};

export const domainWord = (domain: DomainView): Word => {
  if (domain.state === "waiting") return { text: "Waits for DNS", tone: "amber" };
  if (domain.nextStep !== null) return { text: "Leads elsewhere", tone: "rust" };
  return certificateWord(domain.certificate);
};

const Domain = ({ domain, base }: { domain: DomainView; base: string }) => {
  const path = `${base}/${encodeURIComponent(domain.name)}`;
  return (
    <section class="card domain" aria-label={domain.name}>
      <div class="section-head">
        <h2>{domain.state === "verified" ? <a href={safeUrl(domain.url)}>{domain.name}</a> : domain.name}</h2>
        <Badge word={domainWord(domain)} />
        {domain.primary && <Badge word={{ text: "Primary", tone: "quiet" }} />}
        <div class="acts">
          <ActButton action={`${path}/verify`} class="small" label={`Look at ${domain.name} now`}>
            Check now
          </ActButton>
          {!domain.primary && (
            <ActButton
              action={path}
              values={{ primary: "yes" }}
              class="small"
              label={`Make ${domain.name} the primary domain`}
            >
              Make primary
            </ActButton>
          )}
          {domain.primary && (
            <ActButton
              action={path}
              values={{ primary: "no" }}
              class="small"
              label={`${domain.name} is no longer the primary domain`}
            >
              Not primary
            </ActButton>
          )}
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
      </div>
      {domain.redirectTo && (
        <p>
          Leads to <strong>{domain.redirectTo}</strong>.
        </p>
      )}
      {domain.error && <p class="error">{sentence(domain.error)}</p>}
      {domain.nextStep && <NextStep domain={domain} />}
      <p class="soft">
        <Facts domain={domain} />
      </p>
    </section>
  );
};

const NextStep = ({ domain }: { domain: DomainView }) => (
  <div class="next-step">
    <p>{sentence(domain.nextStep ?? "")}</p>
    {domain.records.length > 0 && (
      <Command
        lines={domain.records.map(({ name, type, value }) => `${name}. ${type} ${value}`)}
        label="Copy the records"
      />
    )}
  </div>
);

const Facts = ({ domain }: { domain: DomainView }) => {
  const { certificate } = domain;
  if (domain.state === "waiting")
    return (
      <>
        {domain.checkedAt && (
          <>
            Looked at <Time at={domain.checkedAt} />.{" "}
          </>
        )}
        {domain.nextCheckAt && (
          <>
            Next look <Time at={domain.nextCheckAt} />.{" "}
          </>
        )}
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

const CertificateFacts = ({ certificate }: { certificate: CertificateView }) => {
  if (certificate.notAfter === null)
    return (
      <>
        Its certificate is ordered by itself
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
      {certificate.nextAttemptAt && (
        <>
          ; {certificate.error ? "next try" : "renewal"} <Time at={certificate.nextAttemptAt} />
        </>
      )}
      .
    </>
  );
};
