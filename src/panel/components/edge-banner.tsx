/** @jsxImportSource hono/jsx */
import { sentence } from "../format.ts";
import { useShell } from "../shell.ts";

/** On every page of an operator while the edge cannot be started: no site is reached then. */
export const EdgeBanner = () => {
  const { edge, person } = useShell();
  if (edge.problem === null || !person?.isAdmin) return null;
  return (
    <div class="banner rust" role="status">
      <p>
        <strong>The edge does not run, so no site is reached.</strong> {sentence(edge.problem)} Croft tries
        again by itself. Its addresses are CROFT_HTTP and CROFT_HTTPS; what it said last stands in
        logs/edge.log of the data directory.
      </p>
      <a href="/host">Host</a>
    </div>
  );
};
