const escapes: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character]!);

/** A page without anything to load: a status, a title and one sentence, in light and dark. */
export const messagePage = (status: number, title: string, message: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>
  body { margin: 0; min-height: 100vh; display: grid; place-content: center; padding: 2rem; box-sizing: border-box;
    font: 1rem/1.6 system-ui, sans-serif; color: #1f2328; background: #fbfbfa; }
  main { max-width: 32rem; }
  p { margin: 0; color: #5c636b; }
  h1 { margin: 0 0 .5rem; font-size: 1.375rem; line-height: 1.3; font-weight: 600; }
  .status { margin: 0 0 .75rem; font: .8125rem/1 ui-monospace, monospace; letter-spacing: .06em; }
  @media (prefers-color-scheme: dark) {
    body { color: #e6e8ea; background: #17191c; }
    p { color: #9aa2ab; }
  }
</style>
<main>
<p class="status">${status}</p>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(message)}</p>
</main>
</html>
`;
