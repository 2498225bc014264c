/** @jsxImportSource hono/jsx */
import type { Word } from "../words.ts";
import { TextArea } from "./form.tsx";
import { fieldsOf, RuleCard, type RuleParts } from "./rule-card.tsx";

export const previewPages = ["notFound", "error", "maintenance"] as const;
export type PreviewPage = (typeof previewPages)[number];

/** Shows what is typed, in a tab of its own, before it is saved. */
export const PagePreview = ({ base, page, label }: { base: string; page: PreviewPage; label: string }) => (
  <button
    type="submit"
    class="small"
    formaction={`${base}/preview/${page}`}
    formtarget="_blank"
    aria-label={label}
  >
    Preview
  </button>
);

export const PagesRule = (props: RuleParts & { state: Word }) => {
  const field = fieldsOf("pages", props);
  return (
    <RuleCard {...props} section="pages" title="Pages of your own">
      <p class="hint">
        Whole HTML documents, 64 KB at most, in place of the edge's own. What an app answers itself, errors
        included, is passed on as it is.
      </p>
      <TextArea
        {...field}
        name="pageNotFound"
        label="No such file (404, static sites)"
        mono
        rows={4}
        placeholder="<!doctype html> …"
      />
      <PagePreview base={props.base} page="notFound" label="Preview the page for no such file" />
      <TextArea
        {...field}
        name="pageError"
        label="The site does not answer (502, 503, 504)"
        mono
        rows={4}
        placeholder="<!doctype html> …"
      />
      <PagePreview base={props.base} page="error" label="Preview the page for no answer" />
    </RuleCard>
  );
};
