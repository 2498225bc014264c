/** @jsxImportSource hono/jsx */
import type { ProcessView } from "../../domain/process-view.ts";
import { bytesOf, count } from "../format.ts";
import type { Word } from "../words.ts";
import { Badge } from "./badge.tsx";
import { Cell, Head, NameCell, Row, Table } from "./table.tsx";
import { Time } from "./time.tsx";

const stateWord = (state: string): Word => {
  switch (state) {
    case "running":
      return { text: "Running", tone: "moss" };
    case "starting":
      return { text: "Starting", tone: "amber" };
    case "draining":
      return { text: "Going", tone: "quiet" };
    default:
      return { text: "Down", tone: "rust" };
  }
};

/** Each container of a site: its state, and what it used at the last sample against its limit. */
export const ReplicaTable = ({ processes }: { processes: ProcessView[] }) => {
  const all = processes.flatMap(({ items, limits }) => items.map((one) => ({ ...one, limits })));
  if (all.length === 0) return null;
  return (
    <section class="process-list" aria-labelledby="replicas">
      <h2 id="replicas">Replicas</h2>
      <Table
        caption="Replicas"
        heads={
          <>
            <Head>Process</Head>
            <Head>State</Head>
            <Head num>Release</Head>
            <Head num>Memory</Head>
            <Head num>CPU</Head>
            <Head num>Restarts</Head>
            <Head>Since</Head>
          </>
        }
      >
        {all.map((one) => (
          <Row>
            <NameCell>{one.process}</NameCell>
            <Cell label="State">
              <Badge word={stateWord(one.state)} />
              {one.reason && one.state !== "running" && (
                <small class="soft people-text"> {one.reason.split("\n")[0]}</small>
              )}
            </Cell>
            <Cell label="Release" num>
              {one.release ?? "–"}
            </Cell>
            <Cell label="Memory" num>
              {one.memoryBytes === null ? "–" : bytesOf(one.memoryBytes, one.limits.memoryBytes)}
            </Cell>
            <Cell label="CPU" num>
              {one.cpuPercent === null ? "–" : `${one.cpuPercent.toFixed(1)} %`}
            </Cell>
            <Cell label="Restarts" num>
              {count(one.restarts)}
            </Cell>
            <Cell label="Since">{one.startedAt ? <Time at={one.startedAt} /> : "–"}</Cell>
          </Row>
        ))}
      </Table>
    </section>
  );
};
