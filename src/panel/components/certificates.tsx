/** @jsxImportSource hono/jsx */
import type { CertificateView, SiteView } from "../../domain/views.ts";
import type { Refusal, Typed } from "../form.ts";
import { ActButton, FormErrors, PostForm, TextArea } from "./form.tsx";
import { Time } from "./time.tsx";

/** Certificates of one's own, which go before the automatic ones. */
export const Certificates = (props: {
  site: SiteView;
  certificates: CertificateView[];
  refused: { typed: Typed; refusal: Refusal } | null;
}) => {
  const base = `/sites/${props.site.slug}/certificates`;
  const { refused } = props;
  // A key that was typed is never sent back.
  const typed = { certificate: refused?.typed.certificate ?? "" };
  return (
    <>
      {props.certificates.map((certificate) => (
        <section class="card" aria-label={`Certificate for ${certificate.names.join(", ")}`}>
          <div class="section-head">
            <h2>{certificate.names.join(", ")}</h2>
            <div class="acts">
              <ActButton
                action={`${base}/${certificate.id}/remove`}
                class="small"
                label={`Remove the certificate for ${certificate.names.join(", ")}`}
              >
                Remove
              </ActButton>
            </div>
          </div>
          <p class="soft">
            Uploaded; by {certificate.issuer}
            {certificate.notAfter && (
              <>
                , valid until <Time at={certificate.notAfter} />
              </>
            )}
            .
          </p>
        </section>
      ))}
      <details class="card form-card own-certificate" open={refused !== null}>
        <summary>Use a certificate of your own…</summary>
        <PostForm action={base}>
          <FormErrors refusal={refused?.refusal ?? null} />
          <TextArea
            name="certificate"
            label="Certificate"
            typed={typed}
            refusal={refused?.refusal ?? null}
            rows={6}
            mono
            placeholder="-----BEGIN CERTIFICATE-----"
            hint="PEM: the site's own first, then its chain."
          />
          <TextArea
            name="key"
            label="Private key"
            typed={{}}
            refusal={refused?.refusal ?? null}
            rows={6}
            mono
            placeholder="-----BEGIN PRIVATE KEY-----"
            hint="PEM, without a pass phrase. It is kept encrypted and never shown again."
          />
          <button>Use it</button>
        </PostForm>
      </details>
    </>
  );
};
