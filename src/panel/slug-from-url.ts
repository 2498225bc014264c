/**
 * Suggests a slug from a git address: its last path part, made to fit the rules of a slug.
 * @returns "" when nothing usable is left
 */
export const slugFromUrl = (url: string): string => {
  const path = url
    .trim()
    .replace(/[?#].*$/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/i, "");
  const last = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf(":")) + 1);
  return last
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 40)
    .replace(/^-+|-+$/g, "");
};

/** `app` of `registry.example.org:5000/team/app:2`. */
export const slugFromImage = (image: string): string =>
  slugFromUrl(
    image
      .trim()
      .split("/")
      .at(-1)!
      .replace(/[:@].*$/, ""),
  );
