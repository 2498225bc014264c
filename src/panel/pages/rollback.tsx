/** @jsxImportSource hono/jsx */
import { formatBytes } from "../../domain/size.ts";
import type { ReleaseView, SiteView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, FormErrors } from "../components/form.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal } from "../form.ts";
import { firstLine, shortHash } from "../format.ts";

/** Which release should serve instead. */
export const Rollback = (props: { site: SiteView; releases: ReleaseView[]; refusal: Refusal | null }) => {
  const { site, releases } = props;
  const choices = releases.filter((release) => release.kept && !release.current);
  return (
    <>
      <SiteHeader site={site} tab={null} />
      <div class="reading">
        <h2>Roll back</h2>
        <p>
          {site.currentRelease
            ? `Release ${site.currentRelease.number} serves now. An earlier one comes back whole: its image, settings and environment variables as they were. `
            : "No release serves now. "}
          Limits, volumes and what they hold stay as they are. The release is started and probed first, then
          takes over without dropping a request.
        </p>
        <FormErrors refusal={props.refusal} />
      </div>
      {choices.length === 0 ? (
        <Empty title="No earlier release is kept">
          <p>
            With the next deploy the present one becomes the one to go back to.{" "}
            <a href={`/sites/${site.slug}`}>Back to {site.slug}</a>
          </p>
        </Empty>
      ) : (
        <Table
          caption="Releases, newest first"
          class="releases"
          heads={
            <>
              <Head>Release</Head>
              <Head>Made</Head>
              <Head num>Size</Head>
              <Head>
                <span class="unseen">Act</span>
              </Head>
            </>
          }
        >
          {releases.map((release) => (
            <Row>
              <NameCell>
                Release {release.number}
                <span class="sub">
                  {release.commit && (
                    <>
                      <code>{shortHash(release.commit.hash)}</code>{" "}
                      <span class="people-text">{firstLine(release.commit.message)}</span>
                    </>
                  )}
                </span>
              </NameCell>
              <Cell label="Made">
                <Time at={release.createdAt} />
              </Cell>
              <Cell label="Size" num>
                {release.sizeBytes === null ? "–" : formatBytes(release.sizeBytes)}
              </Cell>
              <Cell class="acts-cell">
                {release.current ? (
                  <Badge word={{ text: "Live", tone: "moss" }} />
                ) : release.kept ? (
                  <ActButton action={`/sites/${site.slug}/rollback`} values={{ to: String(release.number) }}>
                    Roll back to {release.number}
                  </ActButton>
                ) : (
                  <span class="soft">not kept</span>
                )}
              </Cell>
            </Row>
          ))}
        </Table>
      )}
    </>
  );
};
