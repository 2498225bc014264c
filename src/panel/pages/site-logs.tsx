/** @jsxImportSource hono/jsx */
import type { SiteView } from "../../domain/views.ts";
import { Empty } from "../components/empty.tsx";
import { LogText } from "../components/log-lines.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { plural, sentence } from "../format.ts";

export const logLineChoices = [200, 1000, 2000] as const;

/** What the app prints. `problem` says why nothing can be shown. */
export const SiteLogs = (props: {
  site: SiteView;
  lines: string[];
  asked: number;
  q: string;
  problem: string | null;
}) => {
  const { site, lines, asked, q } = props;
  const base = `/sites/${site.slug}/logs`;
  const shown = q ? lines.filter((line) => line.toLowerCase().includes(q.toLowerCase())) : lines;
  const href = (count: number) =>
    `${base}?${new URLSearchParams({ lines: String(count), ...(q ? { q } : {}) })}`;
  return (
    <>
      <SiteHeader site={site} tab="Logs" />
      <div class="toolbar">
        <form method="get" action={base} class="inline-form" role="search">
          <label for="log-q">Lines with</label>
          <input id="log-q" type="search" name="q" value={q} autocomplete="off" class="mono" />
          <input type="hidden" name="lines" value={String(asked)} />
          <button>Filter</button>
        </form>
        <p class="choices">
          <span id="newest">Newest</span>
          {logLineChoices.map((count) => (
            <a
              href={href(count)}
              aria-current={count === asked ? "true" : undefined}
              aria-describedby="newest"
            >
              {count}
            </a>
          ))}
        </p>
      </div>
      {props.problem && (
        <p class="reason rust" role="status">
          {sentence(props.problem)}
        </p>
      )}
      {shown.length === 0 && q === "" ? (
        <NoLines site={site} />
      ) : (
        <>
          <div class="section-head">
            <h2 id="log-title">{q ? `${plural(shown.length, "line")} with “${q}”` : "What it prints"}</h2>
            <p class="soft" role="status" id="live-state" />
          </div>
          <div class="log plain" role="region" aria-labelledby="log-title" tabindex={0} id="log">
            <ol id="lines">
              {shown.map((line) => (
                <li>
                  <span class="text">
                    <LogText text={line} />
                  </span>
                </li>
              ))}
            </ol>
            <ol id="live-lines" />
          </div>
          <div
            id="site-log"
            data-slug={site.slug}
            data-live={q === "" && site.replicas.length > 0 ? "yes" : "no"}
          />
        </>
      )}
    </>
  );
};

const NoLines = ({ site }: { site: SiteView }) => (
  <Empty title="Nothing was printed">
    {site.currentRelease?.imageDigest === null ? (
      <p>This site is static: the edge serves its files, and no process runs that could print anything.</p>
    ) : (
      <p>
        What the app writes to its standard output and error appears here. The build's own log is with each{" "}
        <a href={`/sites/${site.slug}/deployments`}>deployment</a>.
      </p>
    )}
  </Empty>
);
