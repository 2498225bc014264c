import type { PathView } from "../../domain/path-usage.ts";
import { formatBytes } from "../../domain/size.ts";
import type { TopPaths } from "../../requests/top-paths.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { table } from "../text.ts";

const ms = (value: number | null): string =>
  value === null ? "-" : value < 100 ? value.toFixed(1) : String(Math.round(value));

const row = ({ method, path, requests, status, bytesOut, responseMs }: PathView): string[] => [
  String(requests),
  String(status["4xx"]),
  String(status["5xx"]),
  ms(responseMs.p50),
  ms(responseMs.p95),
  formatBytes(bytesOut),
  path === "" ? "(all others)" : `${method} ${path}`,
];

export const paths = defineCommand({
  options: { from: { type: "string" }, to: { type: "string" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], { from, to, environment }) => {
    const answer = await (await client()).get<TopPaths>(sitePath(slug!, "/paths", { from, to, environment }));
    print(answer, () => {
      if (answer.items.length === 0) return "Nothing was asked for in that time.\n";
      const rows = [...answer.items, ...(answer.other === null ? [] : [answer.other])].map(row);
      return table([["REQUESTS", "4XX", "5XX", "P50 MS", "P95 MS", "OUT", "PATH"], ...rows]);
    });
  },
});
