/** @jsxImportSource hono/jsx */
import { Badge } from "../components/badge.tsx";
import { Checkbox, Field, FormErrors, PostForm } from "../components/form.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import type { UserView } from "../../domain/views.ts";
import type { Refusal, Typed } from "../form.ts";

/** Accounts of the installation; for the operator. */
export const People = (props: { users: UserView[]; typed: Typed; refusal: Refusal | null }) => {
  const common = { typed: props.typed, refusal: props.refusal };
  return (
    <>
      <header class="page-head">
        <h1>People</h1>
      </header>
      <div class="columns">
        <section class="wide-column" aria-label="Accounts">
          <Table
            caption="Accounts"
            class="people"
            heads={
              <>
                <Head>User name</Head>
                <Head>E-mail</Head>
                <Head>Rights</Head>
              </>
            }
          >
            {props.users.map((user) => (
              <Row>
                <NameCell>
                  {user.username}
                  {user.displayName !== user.username && (
                    <span class="sub people-text">{user.displayName}</span>
                  )}
                </NameCell>
                <Cell label="E-mail" class="wrap">
                  {user.email}
                </Cell>
                <Cell label="Rights">
                  {user.isAdmin ? <Badge word={{ text: "Operator", tone: "moss" }} /> : "own sites"}
                </Cell>
              </Row>
            ))}
          </Table>
        </section>
        <section class="card side-column form-card" aria-labelledby="add">
          <h2 id="add">Add someone</h2>
          <PostForm action="/people">
            <FormErrors refusal={props.refusal} />
            <Field name="username" label="User name" {...common} required />
            <Field name="email" label="E-mail" {...common} type="email" required />
            <Field
              name="password"
              label="First password"
              {...common}
              type="password"
              required
              autocomplete="new-password"
              hint="Tell it to them by a safe way."
            />
            <Checkbox
              name="isAdmin"
              label="Operator"
              checked={props.typed.isAdmin === "yes"}
              hint="May do everything on this installation."
            />
            <button class="main">Add</button>
          </PostForm>
        </section>
      </div>
    </>
  );
};
