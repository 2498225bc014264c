/** @jsxImportSource hono/jsx */
import { Field, FormErrors, PostForm } from "../components/form.tsx";
import type { Refusal, Typed } from "../form.ts";

/** @param next path to go on to, already checked to be one of ours */
export const SignIn = (props: { next: string | null; typed: Typed; refusal: Refusal | null }) => {
  const common = { typed: props.typed, refusal: props.refusal };
  return (
    <div class="narrow-page">
      <h1>Sign in</h1>
      <PostForm action="/sign-in" class="big-form">
        <FormErrors refusal={props.refusal} />
        {props.next && <input type="hidden" name="next" value={props.next} />}
        <Field
          name="username"
          label="User name or e-mail"
          {...common}
          required
          autocomplete="username"
          autofocus={!props.refusal}
        />
        <Field
          name="password"
          label="Password"
          {...common}
          type="password"
          required
          autocomplete="current-password"
        />
        <button class="main">Sign in</button>
      </PostForm>
    </div>
  );
};
