import { expect, test } from "bun:test";

const css = await Bun.file(`${import.meta.dir}/styles/tokens.css`).text();
const tokens = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/--([a-z-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name!, value!]),
  );
const [lightText, darkText] = css.split("@media (prefers-color-scheme: dark)");
const themes = { light: tokens(lightText!), dark: { ...tokens(lightText!), ...tokens(darkText!) } };

/** WCAG 2.2, relative luminance. */
const luminance = (hex: string): number => {
  const [r, g, b] = [1, 3, 5]
    .map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string): number => {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
};

/** Text on its grounds, as the style sheets use them: 4.5 : 1. */
const texts: [string, string[]][] = [
  ["ink", ["paper", "card", "moss-tint", "sky-tint", "amber-tint", "rust-tint", "quiet-tint"]],
  ["soft", ["paper", "card", "quiet-tint", "moss-tint", "amber-tint", "rust-tint"]],
  ["moss", ["paper", "card", "moss-tint"]],
  ["sky", ["card", "sky-tint"]],
  ["amber", ["card", "paper", "amber-tint"]],
  ["rust", ["paper", "card", "rust-tint"]],
  ["on-moss", ["moss"]],
];
/** Edges of fields, bars and lines that carry a meaning: 3 : 1. */
const shapes: [string, string[]][] = [
  ["edge", ["paper", "card"]],
  ["moss", ["paper", "card", "track"]],
  ["amber-fill", ["card", "track"]],
  ["rust", ["card", "track"]],
];

for (const [theme, values] of Object.entries(themes)) {
  const check = (pairs: [string, string[]][], least: number) =>
    pairs.flatMap(([front, grounds]) =>
      grounds
        .map((ground) => ({ front, ground, ratio: contrast(values[front]!, values[ground]!) }))
        .filter(({ ratio }) => !(ratio >= least)),
    );
  test(`${theme}: text is readable`, () => expect(check(texts, 4.5)).toEqual([]));
  test(`${theme}: shapes are seen`, () => expect(check(shapes, 3)).toEqual([]));
}

test("the formula is that of WCAG", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
});
