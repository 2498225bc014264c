/** @jsxImportSource preact */
import { type Segment } from "../deployment-lines.ts";

/** The line of steps; the same as components/step-line.tsx draws on the server. */
export const StepLine = ({ segments }: { segments: Segment[] }) => (
  <ol class="steps" aria-label="Steps">
    {segments.map((segment) => (
      <li key={segment.name} class={segment.state}>
        <b>
          {segment.label}
          <span class="unseen"> {segment.stateWord}</span>
        </b>
        <span class="detail">{segment.detail}</span>
      </li>
    ))}
  </ol>
);
