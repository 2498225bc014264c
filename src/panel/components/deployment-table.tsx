/** @jsxImportSource hono/jsx */
import { tookMs } from "../../domain/deployment-view.ts";
import { isTerminal } from "../../domain/deployment.ts";
import type { DeploymentSummary } from "../../domain/views.ts";
import { duration, firstLine, shortHash } from "../format.ts";
import { useShell } from "../shell.ts";
import { deploymentWord, triggerWords } from "../words.ts";
import { Badge } from "./badge.tsx";
import { Cell, Head, NameCell, Row, Table } from "./table.tsx";
import { Time } from "./time.tsx";

/** What a deployment is called: its commit's first line, its image, or what it was asked for. */
export const deploymentTitle = (deployment: DeploymentSummary): string =>
  (deployment.commit ? firstLine(deployment.commit.message) : "") ||
  deployment.image ||
  (deployment.commit ? shortHash(deployment.commit.hash) : "") ||
  (deployment.trigger === "rollback" ? "Roll back" : "Deploy");

/** @param liveRelease number of the release that serves; its deployment is "Live" */
export const DeploymentTable = (props: { items: DeploymentSummary[]; liveRelease: number | null }) => (
  <Table
    caption="Deployments, newest first"
    class="deployments"
    heads={
      <>
        <Head>Deployment</Head>
        <Head>State</Head>
        <Head>Took</Head>
        <Head>By</Head>
        <Head num>When</Head>
      </>
    }
  >
    {props.items.map((deployment) => (
      <DeploymentRow deployment={deployment} liveRelease={props.liveRelease} />
    ))}
  </Table>
);

const DeploymentRow = ({
  deployment,
  liveRelease,
}: {
  deployment: DeploymentSummary;
  liveRelease: number | null;
}) => {
  const { nowMs } = useShell();
  const took = tookMs(deployment, nowMs);
  const live =
    deployment.status === "success" && deployment.release !== null && deployment.release === liveRelease;
  return (
    <Row>
      <NameCell>
        <a class="people-text" href={`/deployments/${deployment.id}`}>
          {deploymentTitle(deployment)}
        </a>
        <span class="sub">
          {deployment.commit && <code>{shortHash(deployment.commit.hash)} </code>}
          <span class="people-text">{deployment.branch ?? ""}</span>
          {deployment.release !== null &&
            `${deployment.branch === null ? "" : " · "}release ${deployment.release}`}
        </span>
      </NameCell>
      <Cell class="state">
        <Badge word={deploymentWord(deployment.status, live)} />
      </Cell>
      <Cell label="Took" class="took">
        {took === null ? <span class="soft">–</span> : duration(took)}
        {!isTerminal(deployment.status) && took !== null && " so far"}
      </Cell>
      <Cell label="By" class="by">
        {deployment.triggeredBy}, {triggerWords[deployment.trigger]}
        {deployment.error && (
          <span class="sub rust-text people-text">{firstLine(deployment.error.message)}</span>
        )}
      </Cell>
      <Cell num class="when">
        <Time at={deployment.createdAt} />
      </Cell>
    </Row>
  );
};
