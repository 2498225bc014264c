/** @jsxImportSource hono/jsx */
import { ActButton } from "../components/form.tsx";
import type { UserView } from "../../domain/views.ts";
import { AccountTabs } from "./account-tabs.tsx";

export const Account = ({ user }: { user: UserView }) => (
  <>
    <AccountTabs current="Account" />
    <section class="card" aria-label="Your account">
      <dl class="facts-list in-line">
        <dt>User name</dt>
        <dd>{user.username}</dd>
        <dt>E-mail</dt>
        <dd>{user.email}</dd>
        <dt>Name</dt>
        <dd>{user.displayName}</dd>
        <dt>Rights</dt>
        <dd>{user.isAdmin ? "operator: everything on this installation" : "your own sites"}</dd>
      </dl>
      <ActButton action="/sign-out">Sign out</ActButton>
    </section>
  </>
);
