/** @jsxImportSource hono/jsx */
import type { Child, PropsWithChildren } from "hono/jsx";
import type { Refusal, Typed } from "../form.ts";
import type { Word } from "../words.ts";
import { Badge } from "./badge.tsx";
import { FormErrors, PostForm } from "./form.tsx";

/** What each section of the rules page is drawn from. */
export interface RuleParts {
  /** `/sites/SLUG/rules` */
  base: string;
  typed: Typed;
  /** The section that was refused, and why. */
  refused: { section: string; refusal: Refusal } | null;
  /** The section that was just saved. */
  saved: string | null;
}

/** One section of the rules: a card that is saved by itself and says so in its place. */
export const RuleCard = (
  props: PropsWithChildren<
    RuleParts & { section: string; title: string; state: Word; act?: string; more?: Child; also?: Child }
  >,
) => {
  const { section, refused, saved } = props;
  return (
    <section class="card form-card rule" id={`rules-${section}`} aria-labelledby={`${section}-title`}>
      <div class="section-head">
        <h2 id={`${section}-title`}>{props.title}</h2>
        <Badge word={props.state} />
      </div>
      <PostForm action={`${props.base}/${section}`}>
        <FormErrors refusal={refused?.section === section ? refused.refusal : null} />
        {props.children}
        <div class="form-end">
          <button>{props.act ?? "Save"}</button>
          {props.more}
          {saved === section && (
            <p class="saved" role="status">
              Saved. Visitors meet it at once.
            </p>
          )}
        </div>
      </PostForm>
      {props.also}
    </section>
  );
};

/** For the fields of a section. */
export const fieldsOf = (section: string, { typed, refused }: RuleParts) => ({
  typed,
  refusal: refused?.section === section ? refused.refusal : null,
});
