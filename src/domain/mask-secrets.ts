/** Shorter values would mask half of what is said. */
const minLength = 6;

/**
 * Replaces every occurrence of these values in a text: what apps print and answer is shown to more people than may
 * read their variables. Of values of several lines each line counts by itself, since texts come line by line; a value
 * counts as JSON and addresses write it, too.
 */
export const maskSecrets = (values: readonly string[]): ((text: string) => string) => {
  const parts = new Set(
    values
      .flatMap((value) => [value, ...value.split(/\r?\n/)])
      .map((part) => part.trim())
      .flatMap((part) => [part, JSON.stringify(part).slice(1, -1), encodeURIComponent(part.toWellFormed())]),
  );
  // Longest first, so that a value that holds another one vanishes whole.
  const masked = [...parts].filter((part) => part.length >= minLength).sort((a, b) => b.length - a.length);
  return (text) => masked.reduce((rest, part) => rest.replaceAll(part, "********"), text);
};
