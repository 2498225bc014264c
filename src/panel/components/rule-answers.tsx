/** @jsxImportSource hono/jsx */
import { hstsSpans } from "../rules-state.ts";
import type { Word } from "../words.ts";
import { Checkbox, Field, Select, TextArea } from "./form.tsx";
import { fieldsOf, RuleCard, type RuleParts } from "./rule-card.tsx";

type Props = RuleParts & { state: Word };

const rowsFor = (text: string | undefined): number =>
  Math.min(16, Math.max(3, (text ?? "").split("\n").length + 1));

export const RedirectsRule = (props: Props) => (
  <RuleCard {...props} section="redirects" title="Redirects">
    <TextArea
      {...fieldsOf("redirects", props)}
      name="redirects"
      label="Redirects"
      mono
      rows={rowsFor(props.typed.redirects)}
      placeholder={"/old /new 301\n/blog* https://blog.example.org"}
      hint="One a line: path, where it leads, and 301, 302, 307 or 308 (the default). A star behind the path is for all below it. Other domains are redirected under Domains."
    />
  </RuleCard>
);

export const HeadersRule = (props: Props) => (
  <RuleCard {...props} section="headers" title="Response headers">
    <TextArea
      {...fieldsOf("headers", props)}
      name="responseHeaders"
      label="Response headers"
      mono
      rows={rowsFor(props.typed.responseHeaders)}
      placeholder="X-Frame-Options: DENY"
      hint="One a line, on every answer, in place of the app's own of that name."
    />
  </RuleCard>
);

export const HstsRule = (props: Props) => {
  const now = props.typed.hstsSeconds ?? "";
  const spans = hstsSpans.map(({ seconds, text }) => ({ value: String(seconds), label: text }));
  const known = now === "" || now === "0" || spans.some(({ value }) => value === now);
  return (
    <RuleCard {...props} section="hsts" title="HTTPS only (HSTS)">
      <Select
        {...fieldsOf("hsts", props)}
        name="hstsSeconds"
        label="Browsers hold on to HTTPS for"
        options={[
          { value: "", label: "Nothing is said" },
          ...spans,
          ...(known ? [] : [{ value: now, label: `${now} seconds` }]),
          { value: "0", label: "Nothing any more: browsers forget it" },
        ]}
        hint="Strict-Transport-Security, on answers over HTTPS. Plain HTTP leads to HTTPS anyway; this also keeps it from being tried. It cannot be taken back sooner from browsers that do not come again: begin with a day."
      />
    </RuleCard>
  );
};

export const FilesRule = (props: Props) => (
  <RuleCard {...props} section="files" title="Static files">
    <Checkbox
      name="spaFallback"
      label="Paths without a file get /index.html"
      checked={props.typed.spaFallback === "yes"}
      hint="For apps that route in the browser."
    />
    <Checkbox
      name="precompressed"
      label="Send .zst, .br and .gz files that lie beside others"
      checked={props.typed.precompressed === "yes"}
      hint="app.js.br in place of app.js, for browsers that take it. Such files are then no pages of their own."
    />
  </RuleCard>
);

export const CompressionRule = (props: Props) => (
  <RuleCard {...props} section="compression" title="Compression">
    <Checkbox
      name="compression"
      label="Send what the app answers as zstd or gzip"
      checked={props.typed.compression === "yes"}
      hint="Text from 1 KB on; never what is compressed already."
    />
    <p class="hint">
      Off by default: the length of a compressed page can betray a secret that stands in it beside what a
      visitor typed (BREACH). Requests with a cookie or password that another site made are never answered
      compressed; leave it off where pages show secrets and repeat what was sent.
    </p>
  </RuleCard>
);

export const ExcessRule = (props: Props) => {
  const field = fieldsOf("excess", props);
  return (
    <RuleCard {...props} section="excess" title="Too much">
      <Field
        {...field}
        name="clientRequestsPerMinute"
        label="Requests a minute from one address"
        inputmode="numeric"
        hint="Past it that visitor gets 429, others nothing. Empty for no such limit. An IPv6 network (/64) counts as one."
      />
      <Field
        {...field}
        name="webSocketMessageBytes"
        label="WebSocket message of a visitor, at most"
        hint="Such as 16 MB, all its frames together. A longer one closes the WebSocket with 1009."
      />
      <Select
        {...field}
        name="bandwidthPolicy"
        label="When the month's bandwidth is used up"
        options={[
          { value: "throttle", label: "Slow the site down" },
          { value: "block", label: "Answer 509 until the next month" },
          { value: "warn", label: "Only show it here" },
        ]}
        hint="How much that is stands among the limits."
      />
      <Field
        {...field}
        name="bandwidthThrottleBytesPerSecond"
        label="Slowed down to, a second"
        hint="Of all visitors together, such as 256 KB."
      />
    </RuleCard>
  );
};

/** One of the site's limits, which the edge holds like the rules. */
export const BodyRule = (props: Props) => (
  <RuleCard {...props} section="body" title="Request bodies">
    <Field
      {...fieldsOf("body", props)}
      name="maxBodyBytes"
      label="Largest request body"
      required
      hint="Uploads included, such as 10 MB. Past it visitors get 413. It stands among the limits, too."
    />
  </RuleCard>
);
