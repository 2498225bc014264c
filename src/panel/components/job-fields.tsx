/** @jsxImportSource hono/jsx */
import { missedPolicies, overlapPolicies } from "../../domain/job.ts";
import type { Refusal, Typed } from "../form.ts";
import { missedWords, overlapWords } from "../run-words.ts";
import { Field, Select, TextArea } from "./form.tsx";

/** Fields of a scheduled job, for a new one and for a change. */
export const JobFields = ({ typed, refusal }: { typed: Typed; refusal: Refusal | null }) => (
  <>
    <Field name="name" label="Name" typed={typed} refusal={refusal} required placeholder="tidy" />
    <Field
      name="schedule"
      label="Schedule"
      typed={typed}
      refusal={refusal}
      required
      mono
      placeholder="30 3 * * *"
      hint="Minute, hour, day of month, month, day of week. Or @hourly, @daily, @weekly, @monthly."
    />
    <Field
      name="timeZone"
      label="Time zone"
      typed={typed}
      refusal={refusal}
      placeholder="UTC"
      hint="Such as Europe/Berlin: summer time is minded."
    />
    <TextArea
      name="command"
      label="Command"
      typed={typed}
      refusal={refusal}
      rows={2}
      mono
      placeholder="node tidy.js"
      hint="Read by the image's own /bin/sh, inside the job's container alone."
    />
    <Field
      name="timeoutSeconds"
      label="Ended after, seconds"
      typed={typed}
      refusal={refusal}
      inputmode="numeric"
      placeholder="3600"
    />
    <Select
      name="overlap"
      label="While it still runs"
      typed={typed}
      refusal={refusal}
      options={overlapPolicies.map((value) => ({ value, label: overlapWords[value] }))}
    />
    <Select
      name="missed"
      label="Times missed while Croft was off"
      typed={typed}
      refusal={refusal}
      options={missedPolicies.map((value) => ({ value, label: missedWords[value] }))}
    />
  </>
);
