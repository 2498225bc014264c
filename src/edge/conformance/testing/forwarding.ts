import type { Read } from "./strict-reader.ts";

/** A target as the edge passes it on. */
export const originForm = (target: string): string => {
  const rest = target.replace(/^https?:\/\/[^/?]*/i, "");
  return rest.startsWith("/") || rest === "*" ? rest : `/${rest}`;
};

/** Hop-by-hop, or said anew by the edge; all others arrive as they were, in their order. */
const ownFields =
  /^(connection|keep-alive|te|upgrade|expect|transfer-encoding|proxy|proxy-.*|http2-settings|forwarded|x-forwarded-.*|x-real-ip|x-request-id)$/;
const disguised = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "expect",
  "te",
  "trailer",
  "keep-alive",
]);

const passedOn = (read: Read): string[] => {
  const named = new Set(
    read.fields
      .filter(([name]) => name === "connection")
      .flatMap(([, value]) => value.toLowerCase().split(","))
      .map((it) => it.trim()),
  );
  for (const name of [
    "host",
    "content-length",
    "content-type",
    "authorization",
    "cookie",
    "set-cookie",
    "date",
  ])
    named.delete(name);
  return read.fields
    .filter(([name]) => !named.has(name) && !ownFields.test(name.replaceAll("_", "-")))
    .filter(([name]) => !name.includes("_") || !disguised.has(name.replaceAll("_", "-")))
    .map(([name, value]) => `${name}: ${value}`);
};

/** What is wrong about a request that reached the upstream, "" when nothing is. */
export const problemOf = (taken: Read, forwarded: Read): string => {
  const [seen, sent] = [forwarded.reading, taken.reading];
  if (seen.method !== sent.method || seen.target !== originForm(sent.target)) return "another request line";
  if (seen.host !== sent.host || seen.minor !== 1) return "another host or version";
  if (seen.body !== sent.body) return "another body";
  if (passedOn(taken).join("\n") !== passedOn(forwarded).join("\n")) return "other fields";
  const from = forwarded.fields.filter(([name]) => name.replaceAll("_", "-") === "x-forwarded-for");
  if (from.length !== 1 || from[0]![1] !== "127.0.0.1") return "provenance";
  if (
    forwarded.trailers.some((line) =>
      /^(host|content-length|transfer-encoding|trailer|x.forwarded.*):/i.test(line),
    )
  )
    return "trailers";
  return "";
};
