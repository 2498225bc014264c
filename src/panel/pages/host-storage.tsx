/** @jsxImportSource hono/jsx */
import type { StorageView } from "../../domain/housekeeping.ts";
import { formatBytes } from "../../domain/size.ts";
import { storageWords } from "../../domain/storage-words.ts";
import { Empty } from "../components/empty.tsx";
import { ActButton, FormErrors } from "../components/form.tsx";
import { Live } from "../components/live.tsx";
import { Meter } from "../components/meter.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { Refusal } from "../form.ts";
import { bytesOf } from "../format.ts";

/** What takes the disk, and what would be given back. */
export const HostStorage = ({ storage, refusal }: { storage: StorageView; refusal: Refusal | null }) => {
  const { parts, sites, disk, lastClean } = storage;
  const freeable = parts.reduce((sum, part) => sum + part.freeableBytes, 0);
  return (
    <>
      <header class="page-head">
        <h1>Disk space</h1>
        <p>
          <a href="/host">Back to the host</a> · <a href="/host/retention">What is kept, and how long</a>
        </p>
      </header>
      <Live id="storage" everySeconds={storage.counting ? 2 : null}>
        <FormErrors refusal={refusal} />
        <section class="card" aria-labelledby="disk">
          <div class="section-head">
            <h2 id="disk">Disk</h2>
            <p class="soft">
              {storage.counting ? (
                "Being counted now"
              ) : storage.countedAt ? (
                <>
                  Counted <Time at={storage.countedAt} />
                </>
              ) : (
                "Not counted yet"
              )}
            </p>
          </div>
          <dl class="meters">
            <Meter
              label="Used"
              text={bytesOf(disk.totalBytes - disk.freeBytes, disk.totalBytes)}
              used={disk.totalBytes - disk.freeBytes}
              limit={disk.totalBytes}
            />
          </dl>
          <div class="danger-row storage-act">
            <div>
              <h3>{freeable > 0 ? `${formatBytes(freeable)} can go` : "Nothing to tidy up"}</h3>
              <p class="soft">
                Layers of builds and images that no release needs. Never volumes, nor releases that are kept.
                {lastClean && (
                  <>
                    {" "}
                    Last <Time at={lastClean.at} />: {formatBytes(lastClean.freedBytes)} given back.
                  </>
                )}
              </p>
            </div>
            <ActButton action="/host/storage/clean">Tidy up now</ActButton>
          </div>
        </section>
        {parts.length === 0 ? (
          <Empty title="Not counted yet">
            <p>It is being counted; the figures come by themselves.</p>
          </Empty>
        ) : (
          <Table
            caption="What takes disk space"
            heads={
              <>
                <Head>What</Head>
                <Head num>Takes</Head>
                <Head num>Can go</Head>
              </>
            }
          >
            {parts.map(({ kind, bytes, freeableBytes }) => (
              <Row>
                <NameCell>
                  {storageWords[kind].title}
                  <span class="sub">{storageWords[kind].fate}</span>
                </NameCell>
                <Cell num label="Takes">
                  {bytes === null ? "not counted" : formatBytes(bytes)}
                </Cell>
                <Cell num label="Can go">
                  {freeableBytes === 0 ? "–" : formatBytes(freeableBytes)}
                </Cell>
              </Row>
            ))}
          </Table>
        )}
        {sites.length > 0 && (
          <section class="storage-sites" aria-labelledby="most">
            <div class="section-head">
              <h2 id="most">Sites that take most</h2>
              <p class="soft">images, volumes and logs</p>
            </div>
            <Table
              caption="Sites that take most: images, volumes and logs"
              heads={
                <>
                  <Head>Site</Head>
                  <Head num>Takes</Head>
                </>
              }
            >
              {sites.map(({ site, bytes }) => (
                <Row>
                  <NameCell>
                    <a href={`/sites/${site}`}>{site}</a>
                  </NameCell>
                  <Cell num label="Takes">
                    {formatBytes(bytes)}
                  </Cell>
                </Row>
              ))}
            </Table>
          </section>
        )}
      </Live>
    </>
  );
};
