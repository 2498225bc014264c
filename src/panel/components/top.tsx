/** @jsxImportSource hono/jsx */
import { useShell } from "../shell.ts";

const Mark = () => (
  <svg viewBox="0 0 18 16" width="18" height="16" aria-hidden="true" focusable="false">
    <path d="M9 0 0 7v9h6v-5a3 3 0 0 1 6 0v5h6V7z" />
  </svg>
);

const Search = ({ id }: { id: string }) => {
  const { query } = useShell();
  return (
    <form method="get" action="/" role="search" class="search">
      <label class="unseen" for={id}>
        Find a site or a commit
      </label>
      <input
        id={id}
        type="search"
        name="q"
        value={query}
        placeholder="Find a site, a commit…"
        autocomplete="off"
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
};

/** The bar on top: places, search, account. On a phone they fold into one menu that needs no JavaScript. */
export const Top = () => {
  const { person, path } = useShell();
  const places: { href: string; label: string; current: boolean }[] = person
    ? [
        { href: "/", label: "Sites", current: path === "/" || /^\/(sites|deployments)\//.test(path) },
        { href: "/host", label: "Host", current: path.startsWith("/host") },
        ...(person.isAdmin
          ? [{ href: "/people", label: "People", current: path.startsWith("/people") }]
          : []),
      ]
    : [];
  const links = places.map((place) => (
    <li>
      <a href={place.href} aria-current={place.current ? "page" : undefined}>
        {place.label}
      </a>
    </li>
  ));
  return (
    <header class="top">
      <a class="mark" href="/" aria-label="Croft, to the sites">
        <Mark />
        <span>croft</span>
      </a>
      {person && (
        <>
          <nav aria-label="Main" class="wide">
            <ul>{links}</ul>
          </nav>
          <div class="wide push">
            <Search id="find" />
          </div>
          <a
            class="button wide"
            href="/account"
            aria-current={path.startsWith("/account") ? "page" : undefined}
            title="Your account"
          >
            {person.username}
          </a>
          <details class="menu narrow">
            <summary class="button">Menu</summary>
            <div>
              <Search id="find-narrow" />
              <nav aria-label="Main">
                <ul>
                  {links}
                  <li>
                    <a href="/account" aria-current={path.startsWith("/account") ? "page" : undefined}>
                      {person.username}, your account
                    </a>
                  </li>
                </ul>
              </nav>
            </div>
          </details>
        </>
      )}
    </header>
  );
};
