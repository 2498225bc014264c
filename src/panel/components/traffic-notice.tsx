/** @jsxImportSource hono/jsx */
import type { SiteView } from "../../domain/views.ts";
import { ActButton } from "./form.tsx";
import { Time } from "./time.tsx";

/** What is out of the ordinary about a site's traffic, with the act that ends it, on every page of the site. */
export const TrafficNotice = ({ site }: { site: SiteView }) => (
  <>
    {site.pause && (
      <div class="reason amber notice-act" role="status">
        <p>
          Paused: each request waits up to {site.pause.maxSeconds} s. It goes on by itself{" "}
          <Time at={site.pause.resumesAt} />.
        </p>
        <ActButton action={`/sites/${site.slug}/resume`}>Resume</ActButton>
      </div>
    )}
    {site.split && (
      <div class="reason notice-act" role="status">
        <p>Visitors are shared out: {sharesText(site.split.releases)}. The next deploy ends it.</p>
        <ActButton action={`/sites/${site.slug}/split/end`}>End</ActButton>
      </div>
    )}
  </>
);

/** `release 12 90 %, release 11 10 %` */
const sharesText = (releases: readonly { release: number; weight: number }[]): string => {
  const sum = releases.reduce((all, { weight }) => all + weight, 0);
  return releases
    .map(({ release, weight }) => `release ${release} ${Math.round((100 * weight) / sum)} %`)
    .join(", ");
};
