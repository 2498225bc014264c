/** @jsxImportSource hono/jsx */
import { commandText, isOpen, type RunView } from "../../domain/run.ts";
import { duration, sentence } from "../format.ts";
import { runWord } from "../run-words.ts";
import { Badge } from "./badge.tsx";
import { LogText } from "./log-lines.tsx";
import { Cell, Head, NameCell, Row, Table } from "./table.tsx";
import { Time } from "./time.tsx";

const tookOf = (run: RunView): string => (run.durationMs === null ? "" : duration(run.durationMs));

/** What a command said on its way out. */
const endOf = (run: RunView): string =>
  [
    run.exitCode === null || run.exitCode === 0 ? "" : `Exit code ${run.exitCode}.`,
    run.reason === null ? "" : sentence(run.reason),
  ]
    .filter(Boolean)
    .join(" ");

/** Lines that a run printed, colours kept. */
export const RunOutput = ({ text, label }: { text: string; label: string }) => (
  <div class="log plain run-output" role="region" aria-label={label} tabindex={0}>
    <ol>
      {text
        .replace(/\n$/, "")
        .split("\n")
        .map((line) => (
          <li>
            <span class="text">
              <LogText text={line} />
            </span>
          </li>
        ))}
    </ol>
  </div>
);

/** Runs, newest first. With `commands` each tells what was run; otherwise what it printed. */
export const RunTable = ({
  runs,
  caption,
  commands = false,
}: {
  runs: RunView[];
  caption: string;
  commands?: boolean;
}) => (
  <Table
    caption={caption}
    class="runs"
    heads={
      <>
        <Head>{commands ? "Command" : "State"}</Head>
        {commands && <Head>State</Head>}
        <Head>By</Head>
        <Head num>Took</Head>
        <Head num>When</Head>
      </>
    }
  >
    {runs.map((run) => {
      const state = (
        <span
          data-say={isOpen(run.status) ? undefined : `${run.job ?? "Command"}: ${runWord(run.status).text}`}
        >
          <Badge word={runWord(run.status)} />
          {endOf(run) !== "" && <span class="sub wrap">{endOf(run)}</span>}
        </span>
      );
      return (
        <Row>
          <NameCell>
            {commands ? (
              <>
                <code class="one-line">
                  {run.kind === "terminal" ? "Terminal" : commandText(run.command)}
                </code>
                {run.inReplica && <span class="sub">inside a running replica</span>}
              </>
            ) : (
              <>
                {state}
                {run.output !== null && run.output !== "" && (
                  <details>
                    <summary>What it printed{isOpen(run.status) ? " so far" : ""}</summary>
                    <RunOutput text={run.output} label={`What run ${run.id} printed`} />
                  </details>
                )}
              </>
            )}
          </NameCell>
          {commands && (
            <Cell label="State" class="wrap">
              {state}
            </Cell>
          )}
          <Cell label="By">{run.askedBy}</Cell>
          <Cell num label="Took">
            {tookOf(run)}
          </Cell>
          <Cell num label="When">
            <Time at={run.startedAt ?? run.createdAt} />
          </Cell>
        </Row>
      );
    })}
  </Table>
);
