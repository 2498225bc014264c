// Parts of a page that follow what goes on: the server draws the page anew every few seconds, and what has
// changed takes the place of what stood there. Ends when nothing is on its way any more.
import { startCopying } from "./copy.ts";
import { localTimes } from "./local-times.ts";

const first = document.querySelector<HTMLElement>("[data-every]");
if (first) follow(Number(first.dataset.every) * 1000);

function follow(everyMs: number): void {
  let failures = 0;
  let quietLooks = 0;
  const again = () => {
    // A page that nobody looks at waits; it is brought up to date when it is looked at again.
    if (document.hidden) document.addEventListener("visibilitychange", again, { once: true });
    else void look();
  };
  const look = async () => {
    const fresh = await read();
    failures = fresh === null ? failures + 1 : 0;
    if (fresh !== null) {
      const goesOn = fresh.querySelector("[data-every]") !== null;
      const said = document.querySelector<HTMLElement>("[data-every] + [role=status]");
      const news = [...document.querySelectorAll<HTMLElement>("[data-live]")].map((part) =>
        renew(part, fresh),
      );
      const text = news.flatMap((one) => one ?? []).join(". ");
      if (said && text !== "") said.textContent = text;
      quietLooks = text === "" ? quietLooks + 1 : 0;
      if (!goesOn && !news.includes(null)) return;
    }
    // What takes hours is asked after every minute in the end.
    setTimeout(again, everyMs * Math.min(20, 1 + failures + Math.floor(quietLooks / 20)));
  };
  setTimeout(again, everyMs);
}

async function read(): Promise<Document | null> {
  try {
    const answer = await fetch(location.href, {
      headers: { Accept: "text/html" },
      signal: AbortSignal.timeout(10_000),
    });
    // Signed out meanwhile: what stands here stays, and the next act leads to the sign-in.
    if (!answer.ok || answer.redirected) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null;
  }
}

/** @returns what to announce; null when it has to wait */
function renew(part: HTMLElement, fresh: Document): string[] | null {
  const next = fresh.getElementById(part.id);
  if (!next) return [];
  // Nothing is taken from under the hands of somebody who is filling in a form or about to act.
  if (part.querySelector("details[open]")) return null;
  localTimes(next);
  const before = new Set(sayings(part));
  const news = sayings(next).filter((text) => !before.has(text));
  const focused = part.contains(document.activeElement) ? nameOf(document.activeElement!) : null;
  part.replaceWith(next);
  startCopying(next);
  if (focused !== null)
    [...next.querySelectorAll<HTMLElement>("a, button, summary")]
      .find((one) => nameOf(one) === focused)
      ?.focus();
  return news;
}

const sayings = (part: HTMLElement): string[] =>
  [...part.querySelectorAll<HTMLElement>("[data-say]")].map((one) => one.dataset.say!);

const nameOf = (element: Element): string =>
  element.tagName + (element.getAttribute("aria-label") ?? element.textContent);
