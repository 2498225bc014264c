/** @jsxImportSource hono/jsx */
import type { Segment } from "../deployment-lines.ts";

/** Steps as a line of segments with durations; islands/step-line.tsx draws the same, live. */
export const StepLine = ({ segments }: { segments: Segment[] }) => (
  <ol class="steps" aria-label="Steps">
    {segments.map((segment) => (
      <li class={segment.state}>
        <b>
          {segment.label}
          <span class="unseen"> {segment.stateWord}</span>
        </b>
        <span class="detail">{segment.detail}</span>
      </li>
    ))}
  </ol>
);
