/** What a request target asks for inside a static folder. */
export interface StaticPath {
  /** Decoded segments; none of them empty, `.`, `..`, hidden, or with a separator inside. */
  segments: string[];
  /** The target ended with a slash, so it names a folder. */
  folder: boolean;
  /** `?` and what follows, as sent. */
  query: string;
}

/**
 * Reads a target in origin form.
 * @returns null when it cannot name a public file: bad percent-encoding, steps upwards, hidden names (all but
 *   `.well-known` at the top), NUL, an encoded slash
 */
export const staticPathOf = (target: string): StaticPath | null => {
  const queryAt = target.indexOf("?");
  const path = queryAt < 0 ? target : target.slice(0, queryAt);
  const segments: string[] = [];
  for (const raw of path.split("/")) {
    if (raw === "") continue;
    const segment = decoded(raw);
    if (segment === null || /[/\\\0]/.test(segment)) return null;
    if (segment.startsWith(".") && (segment !== ".well-known" || segments.length > 0)) return null;
    segments.push(segment);
  }
  return { segments, folder: path.endsWith("/"), query: queryAt < 0 ? "" : target.slice(queryAt) };
};

const decoded = (raw: string): string | null => {
  try {
    return decodeURIComponent(raw);
  } catch {
    return null;
  }
};

/** The folder's own address, with a single slash at the start, so that it can never name another host. */
export const folderLocation = ({ segments, query }: StaticPath): string =>
  `/${segments.map((segment) => `${encodeURIComponent(segment)}/`).join("")}${query}`;
