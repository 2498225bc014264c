/** @jsxImportSource hono/jsx */
import { useShell } from "../shell.ts";

/** On every page while Docker is away. */
export const EngineBanner = () => {
  const { engine, person } = useShell();
  if (engine.up || !person) return null;
  return (
    <div class="banner" role="status">
      <p>
        <strong>Docker does not answer.</strong> Sites keep their state, and static sites go on serving;
        deploys wait. Croft tries again by itself and goes on when Docker is back.
        {engine.message && <span class="cause"> {engine.message}</span>}
      </p>
      <a href="/host">Host</a>
    </div>
  );
};
