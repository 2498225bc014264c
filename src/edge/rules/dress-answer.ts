import { LF } from "../byte-classes.ts";
import { removeNamed } from "../connection-options.ts";
import { appendText, type HeadWriter } from "../head-writer.ts";
import type { OwnAnswer } from "../own-answer.ts";
import type { SiteRules } from "./site-rules.ts";

/** An answer of the edge's own as the site wants it: with its page, and with fields that the answer has not itself. */
export const dressOwnAnswer = (rules: SiteRules, answer: OwnAnswer): OwnAnswer => {
  const page =
    answer.final === true
      ? null
      : answer.status === 404
        ? rules.pages.notFound
        : answer.status >= 500
          ? rules.pages.error
          : null;
  const fields = answer.fields ?? "";
  return {
    ...answer,
    ...(page !== null && { body: page, contentType: "text/html; charset=utf-8" }),
    fields: fields + linesBeside(rules, fields),
  };
};

const linesBeside = (rules: SiteRules, fields: string): string => {
  if (rules.headerLines === "") return "";
  const present = namesOf(fields);
  return rules.headerLines
    .split(/(?<=\r\n)/)
    .filter((line) => !present.has(line.slice(0, line.indexOf(":")).toLowerCase()))
    .join("");
};

/** Puts the site's fields in place of an app's own of those names; `out` holds a head without its empty line. */
export const dressHead = (rules: SiteRules, out: HeadWriter): void => {
  if (rules.headerLines === "") return;
  removeNamed(out, out.bytes.indexOf(LF) + 1, rules.headerNames);
  appendText(out, rules.headerLines);
};

/** The same for finished lines as text. */
export const dressLines = (rules: SiteRules, fields: string): string => {
  if (rules.headerLines === "") return fields;
  const own = new Set(rules.headerNames);
  const kept = fields
    .split(/(?<=\r\n)/)
    .filter((line) => !own.has(line.slice(0, line.indexOf(":")).toLowerCase()))
    .join("");
  return kept + rules.headerLines;
};

const namesOf = (fields: string): Set<string> =>
  new Set(fields.split("\r\n").map((line) => line.slice(0, line.indexOf(":")).toLowerCase()));
