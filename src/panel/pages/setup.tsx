/** @jsxImportSource hono/jsx */
import { Command } from "../components/command.tsx";
import { Field, FormErrors, PostForm } from "../components/form.tsx";
import type { Refusal, Typed } from "../form.ts";

/** The first page of all: whoever can read the token on the server becomes the owner. */
export const Setup = (props: { tokenPath: string; typed: Typed; refusal: Refusal | null }) => {
  const common = { typed: props.typed, refusal: props.refusal };
  return (
    <div class="narrow-page">
      <h1>Set up Croft</h1>
      <p>
        This makes the owner account, once. The token proves that you have the server: it was printed when
        Croft started, and lies in a file there:
      </p>
      <Command lines={[`cat ${props.tokenPath}`]} />
      <PostForm action="/setup" class="big-form">
        <FormErrors refusal={props.refusal} />
        <Field name="token" label="Setup token" {...common} required mono autofocus={!props.refusal} />
        <Field name="username" label="User name" {...common} required autocomplete="username" />
        <Field name="email" label="E-mail" {...common} type="email" required autocomplete="email" />
        <Field
          name="password"
          label="Password"
          {...common}
          type="password"
          required
          autocomplete="new-password"
          hint="At least 10 characters; a few words in a row are good."
        />
        <button class="main">Become the owner</button>
      </PostForm>
    </div>
  );
};
