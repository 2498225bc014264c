/** @jsxImportSource hono/jsx */
import type { CertificateView, SiteView } from "../../domain/views.ts";
import type { Refusal, Typed } from "../form.ts";
import { FormErrors, PostForm, TextArea } from "./form.tsx";
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
              <details class="danger-act">
                <summary
                  class="button small"
                  aria-label={`Remove the certificate for ${certificate.names.join(", ")}…`}
                >
                  Remove…
                </summary>
                <PostForm action={`${base}/${certificate.id}/remove`}>
                  <p>Its names are served with automatic certificates again, or over plain HTTP without.</p>
                  <button class="danger">Remove it with its key</button>
                </PostForm>
              </details>
            </div>
          </div>
          {certificate.nextStep && (
            <p class="wrap">
              <strong>Next:</strong> {certificate.nextStep}.
            </p>
          )}
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
