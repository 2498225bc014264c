import { type LogLevel, logLevels } from "../domain/deployment.ts";
import type { LogQuery } from "../logs/site-logs.ts";

export const logLineChoices = [200, 1000, 2000] as const;

export const logSpans = [
  { value: "", label: "All that is kept" },
  { value: "15m", label: "15 minutes" },
  { value: "1h", label: "1 hour" },
  { value: "24h", label: "24 hours" },
  { value: "7d", label: "7 days" },
] as const;

export const leastLevels: { value: LogLevel | ""; label: string }[] = [
  { value: "", label: "All" },
  { value: "info", label: "Info and above" },
  { value: "warning", label: "Warnings and above" },
  { value: "error", label: "Errors and above" },
  { value: "critical", label: "Critical" },
];

/** What the page's address says: the form's fields as they were typed. */
export interface LogFields {
  q: string;
  level: string;
  since: string;
  from: string;
  to: string;
  process: string;
  lines: number;
  /** Set on pages of older lines. */
  cursor: string;
}

/** A field for date and time holds no zone: it is read as UTC, as its label says. */
const instant = (text: string): string | undefined =>
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(text) ? `${text}Z` : undefined;

export const readLogFields = (query: (name: string) => string | undefined): LogFields => {
  const text = (name: string, most = 200): string => (query(name) ?? "").slice(0, most);
  const level = text("level");
  const since = text("since");
  return {
    q: text("q"),
    level: (logLevels as readonly string[]).includes(level) ? level : "",
    since: logSpans.some((span) => span.value === since) ? since : "",
    from: instant(text("from")) === undefined ? "" : text("from"),
    to: instant(text("to")) === undefined ? "" : text("to"),
    process: text("process", 64),
    lines: logLineChoices.find((choice) => String(choice) === query("lines")) ?? logLineChoices[0],
    cursor: /^\d{1,12}\.\d{1,12}$/.test(text("cursor")) ? text("cursor") : "",
  };
};

/** As the API is asked; also what the live stream and the download ask for. */
export const logQueryOf = (fields: LogFields): LogQuery => ({
  search: fields.q || undefined,
  level: fields.level || undefined,
  since: instant(fields.from) ?? (fields.since || undefined),
  until: instant(fields.to),
  process: fields.process || undefined,
  cursor: fields.cursor || undefined,
  limit: fields.lines,
});

/** The address of the page with these fields; what is not set is left out. */
export const logAddress = (base: string, fields: Partial<LogFields>): string => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    if (value !== "" && !(name === "lines" && value === logLineChoices[0])) query.set(name, String(value));
  const text = query.toString();
  return text === "" ? base : `${base}?${text}`;
};

export const isFiltered = ({ q, level, since, from, to, process }: LogFields): boolean =>
  [q, level, since, from, to, process].some((value) => value !== "");
