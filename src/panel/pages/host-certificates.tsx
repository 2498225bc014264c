/** @jsxImportSource hono/jsx */
import type { CertificateView, DnsProviderView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, Field, FormErrors, PostForm, Select, TextArea } from "../components/form.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal, Typed } from "../form.ts";
import { sentence } from "../format.ts";
import type { Word } from "../words.ts";

export interface HttpsRefused {
  form: "certificate" | "dns" | "act";
  typed: Typed;
  refusal: Refusal;
}

/** Certificates of the whole installation, and where records for wildcard certificates can be put. */
export const HostCertificates = (props: {
  baseDomain: string;
  certificates: CertificateView[];
  providers: DnsProviderView[];
  refused: HttpsRefused | null;
}) => {
  const { refused } = props;
  return (
    <>
      <header class="page-head">
        <h1>Certificates and DNS</h1>
        <p>
          <a href="/host">Back to the host</a>
        </p>
      </header>
      {refused?.form === "act" && <FormErrors refusal={refused.refusal} />}
      <div class="columns">
        <div class="wide-column">
          <Providers providers={props.providers} baseDomain={props.baseDomain} />
          <Uploaded certificates={props.certificates} baseDomain={props.baseDomain} />
        </div>
        <div class="side-column">
          <AddProvider {...formOf(refused, "dns")} baseDomain={props.baseDomain} />
          <AddCertificate {...formOf(refused, "certificate")} />
        </div>
      </div>
    </>
  );
};

/** Secrets that were typed are never sent back. */
const formOf = (refused: HttpsRefused | null, form: HttpsRefused["form"]) => {
  if (refused?.form !== form) return { typed: {}, refusal: null };
  const { secret: _, key: __, ...typed } = refused.typed;
  return { typed, refusal: refused.refusal };
};

const providerWord = ({ error, usedAt }: DnsProviderView): Word =>
  error !== null
    ? { text: "Fails", tone: "rust" }
    : usedAt === null
      ? { text: "Not tried yet", tone: "quiet" }
      : { text: "Works", tone: "moss" };

const Providers = ({ providers, baseDomain }: { providers: DnsProviderView[]; baseDomain: string }) => (
  <section aria-labelledby="dns">
    <div class="section-head">
      <h2 id="dns">DNS providers</h2>
    </div>
    {providers.length === 0 ? (
      <Empty title="None yet">
        <p>
          With a DNS provider for the zone of {baseDomain}, one certificate for *.{baseDomain} serves all
          sites, and sites can have wildcard domains.
        </p>
      </Empty>
    ) : (
      <Table
        caption="DNS providers by zone"
        heads={
          <>
            <Head>Zone</Head>
            <Head>State</Head>
            <Head num>Last used</Head>
            <Head />
          </>
        }
      >
        {providers.map((one) => (
          <Row>
            <NameCell>
              {one.zone}
              <span class="sub mono wrap">{one.server ? `${one.server}, key ${one.keyName}` : one.url}</span>
              {one.error && <span class="sub error wrap">{sentence(one.error)}</span>}
            </NameCell>
            <Cell label="State">
              <Badge word={providerWord(one)} />
            </Cell>
            <Cell num label="Last used">
              {one.usedAt ? <Time at={one.usedAt} /> : "never"}
            </Cell>
            <Cell>
              <div class="acts">
                <ActButton
                  action={`/host/https/dns/${one.zone}/test`}
                  class="small"
                  label={`Test the DNS provider of ${one.zone}`}
                >
                  Test
                </ActButton>
                <ActButton
                  action={`/host/https/dns/${one.zone}/remove`}
                  class="small"
                  label={`Remove the DNS provider of ${one.zone}`}
                >
                  Remove
                </ActButton>
              </div>
            </Cell>
          </Row>
        ))}
      </Table>
    )}
  </section>
);

const certificateWords: Record<CertificateView["state"], Word> = {
  waiting: { text: "On its way", tone: "amber" },
  valid: { text: "Valid", tone: "moss" },
  ending: { text: "Ends soon", tone: "rust" },
  ended: { text: "Over", tone: "rust" },
};

const Uploaded = (props: { certificates: CertificateView[]; baseDomain: string }) => (
  <section aria-labelledby="own-certificates">
    <div class="section-head">
      <h2 id="own-certificates">Certificates of your own</h2>
    </div>
    {props.certificates.length === 0 ? (
      <Empty title="None">
        <p>
          One for *.{props.baseDomain} would serve the panel and all sites, in place of the automatic ones.
        </p>
      </Empty>
    ) : (
      <Table
        caption="Uploaded certificates of this installation"
        heads={
          <>
            <Head>Names</Head>
            <Head>State</Head>
            <Head num>Ends</Head>
            <Head />
          </>
        }
      >
        {props.certificates.map((one) => (
          <Row>
            <NameCell>
              {one.names.join(", ")}
              <span class="sub wrap">by {one.issuer}</span>
              {one.nextStep && <span class="sub error wrap">{sentence(one.nextStep)}</span>}
            </NameCell>
            <Cell label="State">
              <Badge word={certificateWords[one.state]} />
            </Cell>
            <Cell num label="Ends">
              {one.notAfter && <Time at={one.notAfter} />}
            </Cell>
            <Cell>
              <details class="danger-act">
                <summary
                  class="button small"
                  aria-label={`Remove the certificate for ${one.names.join(", ")}…`}
                >
                  Remove…
                </summary>
                <PostForm action={`/host/https/certificates/${one.id}/remove`}>
                  <p>Its names are served with automatic certificates again, or over plain HTTP without.</p>
                  <button class="danger">Remove it with its key</button>
                </PostForm>
              </details>
            </Cell>
          </Row>
        ))}
      </Table>
    )}
  </section>
);

interface FormProps {
  typed: Typed;
  refusal: Refusal | null;
}

const AddProvider = ({ typed, refusal, baseDomain }: FormProps & { baseDomain: string }) => (
  <section class="card form-card" aria-labelledby="add-dns">
    <h2 id="add-dns">Add a name server</h2>
    <p class="hint">It takes signed updates (RFC 2136), as BIND, Knot and PowerDNS do.</p>
    <PostForm action="/host/https/dns">
      <FormErrors refusal={refusal} />
      <Field
        name="zone"
        label="Zone"
        typed={typed}
        refusal={refusal}
        required
        mono
        placeholder={baseDomain}
      />
      <Field
        name="server"
        label="Name server"
        typed={typed}
        refusal={refusal}
        required
        mono
        placeholder="192.0.2.53"
        hint="The primary one, with a port where it is not 53."
      />
      <Field
        name="keyName"
        label="Name of the key"
        typed={typed}
        refusal={refusal}
        required
        mono
        placeholder="croft"
      />
      <Select
        name="algorithm"
        label="Algorithm"
        typed={typed}
        refusal={refusal}
        options={["hmac-sha256", "hmac-sha384", "hmac-sha512"].map((value) => ({ value, label: value }))}
      />
      <Field
        name="secret"
        label="Secret"
        type="password"
        typed={typed}
        refusal={refusal}
        required
        hint="base64, as tsig-keygen prints it. It is kept encrypted and never shown again."
      />
      <button>Add it</button>
    </PostForm>
  </section>
);

const AddCertificate = ({ typed, refusal }: FormProps) => (
  <details class="card form-card own-certificate" open={refusal !== null}>
    <summary>Use a certificate of your own…</summary>
    <PostForm action="/host/https/certificates">
      <FormErrors refusal={refusal} />
      <TextArea
        name="certificate"
        label="Certificate"
        typed={typed}
        refusal={refusal}
        rows={6}
        mono
        placeholder="-----BEGIN CERTIFICATE-----"
        hint="PEM: the installation's own first, then its chain."
      />
      <TextArea
        name="key"
        label="Private key"
        typed={{}}
        refusal={refusal}
        rows={6}
        mono
        placeholder="-----BEGIN PRIVATE KEY-----"
        hint="PEM, without a pass phrase. It is kept encrypted and never shown again."
      />
      <button>Use it</button>
    </PostForm>
  </details>
);
