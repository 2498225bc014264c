/** @jsxImportSource hono/jsx */
import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import {
  BodyRule,
  CompressionRule,
  ExcessRule,
  FilesRule,
  HeadersRule,
  HstsRule,
  RedirectsRule,
} from "../components/rule-answers.tsx";
import type { RuleParts } from "../components/rule-card.tsx";
import { PagesRule } from "../components/rule-pages.tsx";
import { MaintenanceRule, NetworksRule, UsersRule } from "../components/rule-visitors.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import type { Refusal, Typed } from "../form.ts";
import { rulesState } from "../rules-state.ts";
import type { Word } from "../words.ts";

interface RulesProps {
  site: SiteView;
  rules: EdgeRulesView;
  /** What each field shows. */
  typed: Typed;
  refused: { section: string; refusal: Refusal } | null;
  saved: string | null;
}

/** Whether the edge serves the site from files; null when its first deploy has to tell. */
const fromFiles = (site: SiteView): boolean | null => {
  if (site.currentRelease) return site.currentRelease.imageDigest === null;
  return site.type === "auto" ? null : site.type === "static";
};

/** What the edge does for a site beyond passing requests on, each section saved by itself. */
export const SiteRules = ({ site, rules, typed, refused, saved }: RulesProps) => {
  const parts: RuleParts = { base: `/sites/${site.slug}/rules`, typed, refused, saved };
  const state = rulesState(rules);
  const body: Word = { text: `To ${formatBytes(site.limits.asked.maxBodyBytes)}`, tone: "quiet" };
  const files = fromFiles(site);
  // What the site has no use for is left out, unless it is switched on.
  const hasFiles = files !== false || rules.spaFallback || rules.precompressed;
  const hasApp = files !== true || rules.compression;
  return (
    <>
      <SiteHeader site={site} tab="Rules" />
      <div class="columns">
        <div class="wide-column">
          <MaintenanceRule {...parts} state={state.maintenance} />
          <h2 class="rule-group">Who may visit</h2>
          <UsersRule {...parts} state={state.users} users={rules.basicAuth} />
          <NetworksRule {...parts} state={state.networks} />
          <h2 class="rule-group">What they get</h2>
          <RedirectsRule {...parts} state={state.redirects} />
          <HeadersRule {...parts} state={state.headers} />
          <HstsRule {...parts} state={state.hsts} />
          <PagesRule {...parts} state={state.pages} />
          {hasFiles && <FilesRule {...parts} state={state.files} />}
          {hasApp && <CompressionRule {...parts} state={state.compression} />}
          <h2 class="rule-group">How much</h2>
          <BodyRule {...parts} state={body} />
          <ExcessRule {...parts} state={state.excess} />
        </div>
        <nav class="card side-column rule-index" aria-label="Rules">
          <h2>What holds now</h2>
          <ul>
            <Entry to="maintenance" name="Maintenance" word={state.maintenance} />
            <Entry to="users" name="Password" word={state.users} />
            <Entry to="networks" name="Networks" word={state.networks} />
            <Entry to="redirects" name="Redirects" word={state.redirects} />
            <Entry to="headers" name="Headers" word={state.headers} />
            <Entry to="hsts" name="HTTPS only" word={state.hsts} />
            <Entry to="pages" name="Pages" word={state.pages} />
            {hasFiles && <Entry to="files" name="Files" word={state.files} />}
            {hasApp && <Entry to="compression" name="Compression" word={state.compression} />}
            <Entry to="body" name="Bodies" word={body} />
            <Entry to="excess" name="Too much" word={state.excess} />
          </ul>
          <p class="hint">They are asked in this order: HTTPS, networks, maintenance, password, redirects.</p>
        </nav>
      </div>
    </>
  );
};

const Entry = ({ to, name, word }: { to: string; name: string; word: Word }) => (
  <li>
    <a href={`#rules-${to}`}>{name}</a>
    <Badge word={word} />
  </li>
);
