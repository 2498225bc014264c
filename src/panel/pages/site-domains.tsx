/** @jsxImportSource hono/jsx */
import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import type { CertificateView, DomainView, OwnAddressView, SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Certificates } from "../components/certificates.tsx";
import { DomainCard, OwnAddress } from "../components/domain-card.tsx";
import { Empty } from "../components/empty.tsx";
import { Checkbox, Field, FormErrors, PostForm } from "../components/form.tsx";
import { Live } from "../components/live.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import type { Refusal, Typed } from "../form.ts";
import { rulesState } from "../rules-state.ts";

export interface DomainsRefused {
  form: "add" | "change" | "certificate";
  /** Of the domain whose form was refused. */
  name: string | null;
  typed: Typed;
  refusal: Refusal;
}

/** Names that a site answers at: what each waits for, where it leads, and its certificate. */
export const SiteDomains = (props: {
  site: SiteView;
  own: OwnAddressView;
  domains: DomainView[];
  certificates: CertificateView[];
  rules: EdgeRulesView;
  /** Something is on its way: the page asks after it by itself. */
  moving: boolean;
  refused: DomainsRefused | null;
}) => {
  const { site, domains, refused } = props;
  const base = `/sites/${site.slug}/domains`;
  const of = (form: DomainsRefused["form"]) => (refused?.form === form ? refused : null);
  const changed = of("change");
  return (
    <>
      <SiteHeader site={site} tab="Domains" />
      {changed && domains.every(({ name }) => name !== changed.name) && (
        <FormErrors refusal={changed.refusal} />
      )}
      <div class="columns">
        <div class="wide-column">
          <Live id="domains" everySeconds={props.moving && !refused ? 3 : null}>
            <OwnAddress own={props.own} />
            {domains.length === 0 ? (
              <Empty title="No domain of its own yet">
                <p>Add one, and the DNS record that it needs is shown here. HTTPS comes by itself.</p>
              </Empty>
            ) : (
              domains.map((domain) => (
                <DomainCard
                  domain={domain}
                  all={domains}
                  base={base}
                  refused={changed?.name === domain.name ? changed : null}
                />
              ))
            )}
          </Live>
          <Certificates site={site} certificates={props.certificates} refused={of("certificate")} />
        </div>
        <div class="side-column">
          <section class="card form-card" aria-labelledby="add">
            <h2 id="add">Add a domain</h2>
            <AddDomain base={base} refused={of("add")} />
          </section>
          <section class="card" aria-labelledby="hsts">
            <div class="section-head">
              <h2 id="hsts">HTTPS only (HSTS)</h2>
              <Badge word={rulesState(props.rules).hsts} />
            </div>
            <p class="soft">
              Plain HTTP leads to HTTPS wherever there is a certificate. HSTS tells browsers not to try it at
              all. <a href={`/sites/${site.slug}/rules#rules-hsts`}>Change it among the rules</a>
            </p>
          </section>
        </div>
      </div>
    </>
  );
};

const AddDomain = ({ base, refused }: { base: string; refused: DomainsRefused | null }) => {
  const typed = refused?.typed ?? { www: "yes" };
  return (
    <PostForm action={base}>
      <FormErrors refusal={refused?.refusal ?? null} />
      <Field
        name="name"
        label="Name"
        typed={typed}
        refusal={refused?.refusal ?? null}
        required
        mono
        inputmode="url"
        placeholder="example.org"
        hint="Without https:// and path; *.example.org for all names one below."
      />
      <Checkbox
        name="www"
        label="With and without www"
        checked={typed.www === "yes"}
        hint="The other name leads to the one above."
      />
      <Checkbox
        name="primary"
        label="Primary domain"
        checked={typed.primary === "yes"}
        hint="Every other domain of the site leads to it."
      />
      <button class="main">Add</button>
    </PostForm>
  );
};
