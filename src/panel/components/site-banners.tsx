/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import { formatBytes } from "../../domain/size.ts";
import type { CertificateView, DomainView, OwnAddressView, SiteView } from "../../domain/views.ts";
import { domainId, isMoving } from "../domain-words.ts";
import { bytesOf, duration, sentence } from "../format.ts";
import type { Tone } from "../words.ts";
import { ActButton } from "./form.tsx";
import { Time } from "./time.tsx";

export interface BannerProps {
  site: SiteView;
  rules: EdgeRulesView;
  own: OwnAddressView;
  domains: DomainView[];
  bandwidthMonthBytes: number;
}

/** What a visitor meets otherwise than usual, each with what can be done about it. Nothing when all is well. */
export const SiteBanners = (props: BannerProps) => (
  <>
    <Maintenance {...props} />
    <Bandwidth {...props} />
    <Certificates {...props} />
    <Waiting {...props} />
  </>
);

const Banner = (props: { tone: Tone; title: string; children: Child; act: Child }) => (
  <div class={`heads-up ${props.tone}`}>
    <p>
      <strong>{props.title}</strong> {props.children}
    </p>
    {props.act}
  </div>
);

const Maintenance = ({ site, rules }: BannerProps) => {
  if (rules.maintenance === null) return null;
  return (
    <Banner
      tone="amber"
      title="Under maintenance."
      act={
        <ActButton action={`/sites/${site.slug}/rules/maintenance`} values={keptPage(rules)} class="small">
          End maintenance
        </ActButton>
      }
    >
      Every visitor gets 503 and is told to come back in{" "}
      {duration(rules.maintenance.retryAfterSeconds * 1000)}.{" "}
      <a href={`/sites/${site.slug}/rules#rules-maintenance`}>Page and time</a>
    </Banner>
  );
};

/** The section is sent whole: its page stays, and the box is not ticked. */
const keptPage = ({ pages, maintenance }: EdgeRulesView): Record<string, string> => ({
  pageMaintenance: pages.maintenance ?? "",
  retryAfterSeconds: String(maintenance?.retryAfterSeconds ?? ""),
});

const Bandwidth = ({ site, rules, bandwidthMonthBytes: used }: BannerProps) => {
  const limit = site.limits.asked.bandwidthBytesPerMonth;
  if (used < limit) return null;
  const what = {
    throttle: `The site is slowed down to ${formatBytes(rules.bandwidthThrottleBytesPerSecond)} a second, of all visitors together, until the month ends.`,
    block: "Visitors get 509 until the month ends.",
    warn: "Visitors notice nothing, as its rules say.",
  }[rules.bandwidthPolicy];
  return (
    <Banner
      tone={rules.bandwidthPolicy === "block" ? "rust" : "amber"}
      title="The month's bandwidth is used up."
      act={
        <a class="button small" href={`/sites/${site.slug}/limits#bandwidthBytesPerMonth`}>
          Raise the limit
        </a>
      }
    >
      {bytesOf(used, limit)}. {what} <a href={`/sites/${site.slug}/rules#rules-excess`}>What happens then</a>
    </Banner>
  );
};

const lacks = (certificate: CertificateView | null): certificate is CertificateView =>
  certificate?.state === "waiting";

/** Of the own address only where no domain has taken its place. */
const Certificates = ({ site, own, domains }: BannerProps) => {
  const without = [
    ...(domains.some((one) => one.state === "verified") ? [] : [own]),
    ...domains.filter((one) => one.state === "verified" && one.nextStep === null),
  ].filter((one) => lacks(one.certificate));
  const failed = without.find((one) => one.certificate!.error !== null);
  const shown = failed ?? without[0];
  if (!shown) return null;
  const { error, nextAttemptAt } = shown.certificate!;
  return (
    <Banner
      tone={failed ? "rust" : "amber"}
      title={
        failed
          ? `No HTTPS yet at ${shown.name}.`
          : `HTTPS is on its way at ${shown.name}: plain HTTP until then.`
      }
      act={
        <a class="button small" href={`/sites/${site.slug}/domains`}>
          Domains
        </a>
      }
    >
      {error && sentence(error)}
      {error && nextAttemptAt && (
        <>
          {" "}
          Next try <Time at={nextAttemptAt} />.
        </>
      )}
    </Banner>
  );
};

const Waiting = ({ site, domains }: BannerProps) => {
  const waiting = domains.filter((one) => one.nextStep !== null);
  const first = waiting[0];
  if (!first) return null;
  const lost = first.state === "verified";
  return (
    <Banner
      tone={lost ? "rust" : "amber"}
      title={lost ? `${first.name} no longer leads here.` : `${first.name} does not lead here yet.`}
      act={
        <a class="button small" href={`/sites/${site.slug}/domains#${domainId(first.name)}`}>
          {waiting.length === 1 ? "Records to add" : `Records of ${waiting.length} domains`}
        </a>
      }
    >
      {sentence(first.nextStep!)}
    </Banner>
  );
};

/** Whether what is shown may change by itself soon. */
export const bannersMove = ({ own, domains }: Pick<BannerProps, "own" | "domains">): boolean =>
  [...domains, { ...own, state: "verified" as const }].some(isMoving);
