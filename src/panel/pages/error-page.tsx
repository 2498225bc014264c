/** @jsxImportSource hono/jsx */
/** 403, 404, 500 and the like: what happened, and what can be done next. */
export const ErrorPage = (props: {
  title: string;
  message: string;
  next: { href: string; label: string };
}) => (
  <div class="narrow-page">
    <h1>{props.title}</h1>
    <p>{props.message}</p>
    <p>
      <a href={props.next.href}>{props.next.label}</a>
    </p>
  </div>
);
