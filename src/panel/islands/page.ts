// On every page: times in the reader's own zone, copy buttons, `/` for the search, one submit per form.
import { slugFromImage, slugFromUrl } from "../slug-from-url.ts";
import { startCopying } from "./copy.ts";
import { localTimes } from "./local-times.ts";

localTimes(document);
setInterval(() => localTimes(document), 30_000);
startCopying();

document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest("input, textarea, select, [contenteditable]")) return;
  const fields = [...document.querySelectorAll<HTMLInputElement>('.search input[type="search"]')];
  const shown = fields.find((field) => field.offsetParent !== null);
  if (!shown) return;
  event.preventDefault();
  shown.select();
});

// A second click must not deploy twice. The button stays focusable and says what goes on.
document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  // A preview opens beside the page, which stays as it is.
  if (form.method !== "post" || event.submitter?.hasAttribute("formtarget")) return;
  if (form.dataset.sent === "yes") return event.preventDefault();
  form.dataset.sent = "yes";
  form.querySelector("button:not([type])")?.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
  }
});

// The notice was read: a reload should not say it again.
const said = new URL(location.href);
for (const name of ["done", "saved"])
  if (said.searchParams.has(name)) {
    said.searchParams.delete(name);
    history.replaceState(null, "", said);
  }

document.querySelector<HTMLElement>("[data-focus]")?.focus();

// On a phone the tabs scroll sideways: the current one has to be in sight.
const tab = document.querySelector<HTMLElement>('.tabs [aria-current="page"]');
const strip = tab?.closest<HTMLElement>(".tabs ul");
if (tab && strip && strip.scrollWidth > strip.clientWidth)
  strip.scrollLeft = tab.offsetLeft - strip.clientWidth / 2 + tab.offsetWidth / 2;

for (const source of document.querySelectorAll<HTMLInputElement>("[data-slug-from]")) suggestSlug(source);

function suggestSlug(source: HTMLInputElement): void {
  const slug = document.getElementById(source.dataset.slugFrom!) as HTMLInputElement | null;
  if (!slug) return;
  const suggest = () => {
    const text = source.name === "image" ? slugFromImage(source.value) : slugFromUrl(source.value);
    slug.placeholder = text || "my-site";
    const shown = document.querySelector("[data-slug-shown]");
    if (shown) shown.textContent = slug.value || text || "my-site";
  };
  source.addEventListener("input", suggest);
  slug.addEventListener("input", suggest);
  suggest();
}
