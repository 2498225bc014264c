/** The API's path below a site; `environment` only when it was asked for. */
export const sitePath = (
  slug: string,
  rest = "",
  query: Record<string, string | number | boolean | undefined> = {},
): string => {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  const text = search.toString();
  return `/sites/${encodeURIComponent(slug)}${rest}${text === "" ? "" : `?${text}`}`;
};
