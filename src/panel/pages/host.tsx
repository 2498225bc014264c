/** @jsxImportSource hono/jsx */
import { formatBytes } from "../../domain/size.ts";
import type { GuardView } from "../../domain/guard.ts";
import type { StorageView } from "../../domain/housekeeping.ts";
import type { HttpsView } from "../../domain/views.ts";
import { Badge } from "../components/badge.tsx";
import { Command } from "../components/command.tsx";
import { Empty } from "../components/empty.tsx";
import { ActButton, FormErrors } from "../components/form.tsx";
import { HostEdge, HostHttps } from "../components/host-edge.tsx";
import { guardMoves, HostGuard } from "../components/host-guard.tsx";
import { HostUse } from "../components/host-use.tsx";
import { Live } from "../components/live.tsx";
import { Meter } from "../components/meter.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { BackupView, FleetRow, HostView } from "../deps.ts";
import type { Refusal } from "../form.ts";
import { bytesOf, cores } from "../format.ts";

const upDown = (up: boolean) =>
  up ? ({ text: "Up", tone: "moss" } as const) : ({ text: "Down", tone: "rust" } as const);

/** @param props.backups null for people who may not see them, as `https` is */
export const Host = (props: {
  host: HostView;
  https: HttpsView | null;
  /** Which sites use the machine; null for people who may not see it. */
  use: { rows: FleetRow[]; storage: StorageView } | null;
  /** Null for people who may not see it. */
  guard: GuardView | null;
  backups: BackupView[] | null;
  refusal: Refusal | null;
}) => {
  const { host, https, backups } = props;
  return (
    <>
      <header class="page-head">
        <h1>Host</h1>
        {backups && (
          <p>
            <a href="/host/retention">What is kept, and how long</a>
          </p>
        )}
      </header>
      <div class={backups ? "columns" : "narrow-columns"}>
        {backups && (
          <div class="wide-column">
            <Live id="edge-parts" everySeconds={hostMoves(host, https) ? 3 : null}>
              <div class="two-cards">
                <HostEdge edge={host.edge} />
                {https && <HostHttps https={https} />}
              </div>
            </Live>
            {props.use && (
              <Live id="use-part" everySeconds={10}>
                <HostUse {...props.use} />
              </Live>
            )}
            {props.guard && (
              <Live id="guard-part" everySeconds={guardMoves(props.guard) ? 3 : 10}>
                <HostGuard guard={props.guard} />
              </Live>
            )}
            <Backups backups={backups} refusal={props.refusal} />
          </div>
        )}
        <div class="side-column">
          <section class="card" aria-labelledby="machine">
            <h2 id="machine">Machine</h2>
            <Live id="machine-part" everySeconds={10}>
              <dl class="meters">
                <Meter
                  label="Memory"
                  text={
                    host.memory ? bytesOf(host.memory.usedBytes, host.memory.totalBytes) : "not measured yet"
                  }
                  used={host.memory?.usedBytes ?? null}
                  limit={host.memory?.totalBytes ?? 1}
                />
                <Meter
                  label="CPU, last hour"
                  text={
                    host.cpuPercent === null
                      ? "not measured yet"
                      : `${cores(host.cpuPercent * 10)} of ${host.cores} cores`
                  }
                  used={host.cpuPercent}
                  limit={host.cores * 100}
                />
                <Meter
                  label="Disk"
                  text={host.disk ? bytesOf(host.disk.usedBytes, host.disk.totalBytes) : "not measured yet"}
                  used={host.disk?.usedBytes ?? null}
                  limit={host.disk?.totalBytes ?? 1}
                />
              </dl>
            </Live>
          </section>
          <section class="card" aria-labelledby="parts">
            <h2 id="parts">Parts</h2>
            <dl class="facts-list">
              <dt>Croft</dt>
              <dd>{host.version}</dd>
              {!backups && (
                <>
                  <dt>Edge</dt>
                  <dd>
                    <Badge word={upDown(host.edge.up)} />
                  </dd>
                </>
              )}
              <dt>Docker</dt>
              <dd>
                <Badge word={upDown(host.engine.up)} />
                {host.engine.info && ` ${host.engine.info.version}`}
              </dd>
              {host.engine.message && (
                <>
                  <dt>Its word</dt>
                  <dd class="wrap">{host.engine.message}</dd>
                </>
              )}
              {host.engine.info && (
                <>
                  <dt>Limits by</dt>
                  <dd>cgroup v{host.engine.info.cgroupVersion}</dd>
                  <dt>Storage</dt>
                  <dd>
                    {host.engine.info.storageDriver} on {host.engine.info.backingFilesystem}
                  </dd>
                  <dt>Firewall</dt>
                  <dd class="wrap">
                    <Badge
                      word={
                        host.engine.info.firewall.holds
                          ? { text: "Holds", tone: "moss" }
                          : { text: "Does not hold", tone: "rust" }
                      }
                    />{" "}
                    {host.engine.info.firewall.detail}
                  </dd>
                  <dt>Builder</dt>
                  <dd>{host.engine.info.builder}</dd>
                </>
              )}
            </dl>
          </section>
        </div>
      </div>
    </>
  );
};

/** Whether something on the page may change by itself soon. */
const hostMoves = ({ edge }: HostView, https: HttpsView | null): boolean =>
  !edge.up || https?.panel.certificate?.state === "waiting";

const Backups = ({ backups, refusal }: { backups: BackupView[]; refusal: Refusal | null }) => (
  <section aria-labelledby="backups">
    <div class="section-head">
      <h2 id="backups">Backups</h2>
      <ActButton action="/host/backups">Back up now</ActButton>
    </div>
    <FormErrors refusal={refusal} />
    {backups.length === 0 ? (
      <Empty title="No backup yet">
        <p>
          A backup is a consistent copy of the database, repositories and volumes, made while all goes on:
        </p>
        <Command lines={["croft backup create"]} />
      </Empty>
    ) : (
      <Table
        caption="Backups, newest first"
        class="backups"
        heads={
          <>
            <Head>Backup</Head>
            <Head num>Size</Head>
            <Head>Checked</Head>
            <Head num>Made</Head>
          </>
        }
      >
        {backups.map((backup) => (
          <Row>
            <NameCell>
              {backup.kind === "pre-migration" ? "Before an upgrade" : "Full"}
              <span class="sub mono wrap">{backup.path}</span>
            </NameCell>
            <Cell num label="Size">
              {formatBytes(backup.bytes)}
            </Cell>
            <Cell label="Checked">{backup.verifiedAt ? <Time at={backup.verifiedAt} /> : "not yet"}</Cell>
            <Cell num label="Made">
              <Time at={backup.createdAt} />
            </Cell>
          </Row>
        ))}
      </Table>
    )}
    <p class="hint">
      The master key is not in a backup: keep a copy of it elsewhere, or secrets cannot be read again.
    </p>
  </section>
);
