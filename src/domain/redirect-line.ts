import type { EdgeRulesView } from "./edge-rules.ts";

type Redirect = EdgeRulesView["redirects"][number];

/** How people write a redirect: `/old /new 301`; a star at the end of the path is for all below it. */
export const redirectLine = ({ from, to, status, prefix }: Redirect): string =>
  `${from}${prefix ? "*" : ""} ${to} ${status}`;

/** @returns null when the line is not of that form; its parts are for the schema to judge, the status may be left out */
export const readRedirectLine = (
  line: string,
): (Pick<Redirect, "from" | "to" | "prefix"> & { status?: number }) | null => {
  const [from = "", to, status, ...more] = line.trim().split(/\s+/);
  if (to === undefined || more.length > 0) return null;
  const prefix = from.endsWith("*");
  return {
    from: prefix ? from.slice(0, -1) : from,
    to,
    prefix,
    ...(status !== undefined && { status: Number(status) }),
  };
};
