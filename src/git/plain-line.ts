const maxLength = 500;

/**
 * One line of text that is safe on any terminal: escape sequences (ECMA-48 CSI, OSC and the like), control and
 * invisible direction characters are gone, tabs are spaces, and it ends after 500 characters. Of a line that
 * overwrites itself with carriage returns the last state stays.
 */
export const plainLine = (text: string): string => {
  const clean = text
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]/g, "")
    .replace(/\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?/g, "")
    .replace(/\x1b[ -/]*[0-~]?/g, "")
    .replace(/[\r\n]+$/, "")
    .replace(/^.*\r/s, "")
    .replace(/[\t\n\u2028\u2029]/g, "  ")
    .replace(/[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "");
  return clean.length > maxLength ? `${clean.slice(0, maxLength)} …` : clean;
};
