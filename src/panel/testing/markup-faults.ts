// What an accessibility checker would find in the markup itself. Contrast is checked with the tokens, focus and
// overflow in a real browser.

interface Seen {
  ids: string[];
  labelFor: Set<string>;
  refs: { attribute: string; id: string }[];
  fields: { id: string | null; name: string; labelled: boolean }[];
  named: { tag: string; label: boolean; text: string; outer: string }[];
  headings: number[];
  faults: string[];
}

const inline = /^(?:style|on[a-z]+)$/;

/**
 * Faults of a whole page: fields without label, references that lead nowhere, ids used twice, buttons and links
 * without a name, headings that skip a level, anything that a strict CSP would block.
 */
export const markupFaults = async (html: string): Promise<string[]> => {
  const seen: Seen = {
    ids: [],
    labelFor: new Set(),
    refs: [],
    fields: [],
    named: [],
    headings: [],
    faults: [],
  };
  const open: Seen["named"] = [];
  const rewriter = new HTMLRewriter()
    .on("*", {
      element(element) {
        const id = element.getAttribute("id");
        if (id !== null) seen.ids.push(id);
        for (const [name, value] of element.attributes) {
          if (inline.test(name)) seen.faults.push(`<${element.tagName}> has an inline ${name}`);
          if (["aria-labelledby", "aria-describedby", "for"].includes(name))
            for (const ref of value.split(" ")) seen.refs.push({ attribute: name, id: ref });
          if ((name === "href" || name === "src") && /^\s*(?:javascript|data):/i.test(value))
            seen.faults.push(`<${element.tagName}> leads to ${value}`);
        }
        const level = /^h([1-6])$/.exec(element.tagName)?.[1];
        if (level) seen.headings.push(Number(level));
        if (element.tagName === "style") seen.faults.push("<style> in the page");
        if (element.tagName === "script" && !element.getAttribute("src"))
          seen.faults.push("<script> without src");
        if (element.tagName === "img" && element.getAttribute("alt") === null)
          seen.faults.push("<img> without alt");
        if (
          element.tagName === "svg" &&
          element.getAttribute("aria-hidden") !== "true" &&
          element.getAttribute("role") === "img" &&
          !element.getAttribute("aria-label")
        )
          seen.faults.push("<svg role=img> without a label");
      },
    })
    .on("label", {
      element: (element) => void seen.labelFor.add(element.getAttribute("for") ?? ""),
    })
    .on("input:not([type=hidden]), select, textarea", {
      element(element) {
        seen.fields.push({
          id: element.getAttribute("id"),
          name: element.getAttribute("name") ?? "",
          labelled: element.getAttribute("aria-label") !== null,
        });
      },
    })
    .on("a, button, summary", {
      element(element) {
        const entry = {
          tag: element.tagName,
          label: Boolean(element.getAttribute("aria-label")),
          text: "",
          outer: element.getAttribute("href") ?? "",
        };
        seen.named.push(entry);
        open.push(entry);
        element.onEndTag(() => void open.pop());
      },
      text: (chunk) => {
        const last = open.at(-1);
        if (last) last.text += chunk.text;
      },
    });
  await rewriter.transform(new Response(html)).text();

  const faults = [...seen.faults];
  const ids = new Set(seen.ids);
  for (const id of ids)
    if (seen.ids.filter((one) => one === id).length > 1) faults.push(`id ${id} is used twice`);
  for (const ref of seen.refs)
    if (!ids.has(ref.id)) faults.push(`${ref.attribute} names ${ref.id}, which is not there`);
  for (const field of seen.fields)
    if (!field.labelled && (field.id === null || !seen.labelFor.has(field.id)))
      faults.push(`field ${field.name} has no label`);
  for (const one of seen.named)
    if (!one.label && one.text.trim() === "") faults.push(`<${one.tag} ${one.outer}> has no name`);
  if (seen.headings.filter((level) => level === 1).length !== 1) faults.push("not exactly one h1");
  seen.headings.forEach((level, i) => {
    if (i > 0 && level > seen.headings[i - 1]! + 1) faults.push(`h${level} after h${seen.headings[i - 1]}`);
  });
  if (!/^<!doctype html><html lang="en">/.test(html)) faults.push("no doctype or language");
  if (!/<title>[^<]+<\/title>/.test(html)) faults.push("no title");
  return faults;
};
