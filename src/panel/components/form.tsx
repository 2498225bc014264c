/** @jsxImportSource hono/jsx */
import type { Child, PropsWithChildren } from "hono/jsx";
import { labelOf } from "../field-labels.ts";
import type { Refusal, Typed } from "../form.ts";
import { sentence } from "../format.ts";
import { useShell } from "../shell.ts";

/** A form that posts, with the session's token in it. */
export const PostForm = (props: PropsWithChildren<{ action: string; class?: string; id?: string }>) => {
  const { csrf } = useShell();
  return (
    <form method="post" action={props.action} class={props.class} id={props.id}>
      {csrf !== "" && <input type="hidden" name="_csrf" value={csrf} />}
      {props.children}
    </form>
  );
};

/** One act as a button. `values` travel as hidden fields. */
export const ActButton = (
  props: PropsWithChildren<{
    action: string;
    class?: string;
    values?: Record<string, string>;
    /** Says the act in full where the button's text alone is not enough. */
    label?: string;
  }>,
) => (
  <PostForm action={props.action} class="act">
    {Object.entries(props.values ?? {}).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
    <button class={props.class ?? ""} aria-label={props.label}>
      {props.children}
    </button>
  </PostForm>
);

/** What was refused, on top of the form, with a link to each field. Takes the focus (islands/page.ts). */
export const FormErrors = ({ refusal, idPrefix = "" }: { refusal: Refusal | null; idPrefix?: string }) => {
  if (!refusal) return null;
  return (
    <div class="refusal" role="alert" tabindex={-1} data-focus>
      {refusal.fields.length === 0 ? (
        <p>{sentence(refusal.message)}</p>
      ) : (
        <>
          <p>Nothing was changed yet. Please look at:</p>
          <ul>
            {refusal.fields.map((field) => (
              <li>
                <a href={`#${idPrefix}${field.path}`}>{labelOf(field.path)}</a> {field.message}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
};

export interface FieldProps {
  name: string;
  label: string;
  typed: Typed;
  refusal: Refusal | null;
  hint?: Child;
  /** Where two forms of a page have fields of the same name. */
  idPrefix?: string;
}

const describedBy = (id: string, hint: unknown, error: unknown): string | undefined =>
  [error ? `${id}-error` : null, hint ? `${id}-hint` : null].filter(Boolean).join(" ") || undefined;

const errorOf = (refusal: Refusal | null, name: string): string | null =>
  refusal?.fields.find((field) => field.path === name)?.message ?? null;

const Surround = (props: PropsWithChildren<FieldProps & { id: string; error: string | null }>) => (
  <div class={props.error ? "field wrong" : "field"}>
    <label for={props.id}>{props.label}</label>
    {props.children}
    {props.error && (
      <p class="error" id={`${props.id}-error`}>
        {props.label} {props.error}
      </p>
    )}
    {props.hint && (
      <p class="hint" id={`${props.id}-hint`}>
        {props.hint}
      </p>
    )}
  </div>
);

type InputProps = FieldProps & {
  type?: "text" | "password" | "email" | "url" | "number" | "search";
  required?: boolean;
  autocomplete?: string;
  placeholder?: string;
  inputmode?: "numeric" | "decimal" | "url" | "text";
  mono?: boolean;
  autofocus?: boolean;
  data?: Record<string, string>;
};

/** A labelled line of text with its hint and its error. Passwords are never sent back. */
export const Field = (props: InputProps) => {
  const id = `${props.idPrefix ?? ""}${props.name}`;
  const error = errorOf(props.refusal, props.name);
  return (
    <Surround {...props} id={id} error={error}>
      <input
        id={id}
        name={props.name}
        type={props.type ?? "text"}
        value={props.type === "password" ? undefined : (props.typed[props.name] ?? "")}
        required={props.required}
        autocomplete={props.autocomplete ?? "off"}
        placeholder={props.placeholder}
        inputmode={props.inputmode}
        spellcheck={false}
        autocapitalize="none"
        autofocus={props.autofocus}
        class={props.mono ? "mono" : undefined}
        aria-invalid={error ? "true" : undefined}
        aria-describedby={describedBy(id, props.hint, error)}
        {...props.data}
      />
    </Surround>
  );
};

export const TextArea = (props: FieldProps & { rows?: number; mono?: boolean; placeholder?: string }) => {
  const id = `${props.idPrefix ?? ""}${props.name}`;
  const error = errorOf(props.refusal, props.name);
  return (
    <Surround {...props} id={id} error={error}>
      <textarea
        id={id}
        name={props.name}
        rows={props.rows ?? 3}
        spellcheck={false}
        placeholder={props.placeholder}
        class={props.mono ? "mono" : undefined}
        aria-invalid={error ? "true" : undefined}
        aria-describedby={describedBy(id, props.hint, error)}
      >
        {props.typed[props.name] ?? ""}
      </textarea>
    </Surround>
  );
};

export const Select = (props: FieldProps & { options: { value: string; label: string }[] }) => {
  const id = `${props.idPrefix ?? ""}${props.name}`;
  const error = errorOf(props.refusal, props.name);
  return (
    <Surround {...props} id={id} error={error}>
      <select
        id={id}
        name={props.name}
        aria-invalid={error ? "true" : undefined}
        aria-describedby={describedBy(id, props.hint, error)}
      >
        {props.options.map((option) => (
          <option value={option.value} selected={props.typed[props.name] === option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </Surround>
  );
};

export const Checkbox = (props: {
  name: string;
  label: Child;
  checked?: boolean;
  hint?: string;
  id?: string;
}) => {
  const id = props.id ?? props.name;
  return (
    <div class="check">
      <input
        type="checkbox"
        id={id}
        name={props.name}
        value="yes"
        checked={props.checked}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
      />
      <label for={id}>{props.label}</label>
      {props.hint && (
        <p class="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
};
