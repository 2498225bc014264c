/** @jsxImportSource hono/jsx */
const tabs = [
  { href: "/account", label: "Account" },
  { href: "/account/keys", label: "API keys" },
] as const;

export const AccountTabs = ({ current }: { current: (typeof tabs)[number]["label"] }) => (
  <>
    <header class="page-head">
      <h1>{current}</h1>
    </header>
    <nav class="tabs" aria-label="Your account">
      <ul>
        {tabs.map((tab) => (
          <li>
            <a href={tab.href} aria-current={tab.label === current ? "page" : undefined}>
              {tab.label}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  </>
);
