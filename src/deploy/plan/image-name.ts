import { imageRefSchema } from "../../domain/site.ts";

/**
 * An image name as Docker itself shows it: without `docker.io/` and `library/`, with `:latest` when it has neither
 * tag nor digest (distribution/reference "familiar name"). A tag beside a digest is dropped, as Docker ignores it.
 */
export const familiarName = (name: string): string => {
  let rest = name.replace(/^(?:index\.)?docker\.io\//, "");
  if (/^library\/[^/]+$/.test(rest)) rest = rest.slice("library/".length);
  const [named = "", digest] = rest.split("@");
  const hasTag = /:[^/]*$/.test(named);
  if (digest !== undefined) return `${hasTag ? named.replace(/:[^/]*$/, "") : named}@${digest}`;
  return hasTag ? named : `${named}:latest`;
};

/**
 * Why this must not be used as the name of an image that a build takes from outside, or null. Ids, prefixes of
 * ids and bare digests would reach any image on the server, those of other sites too; Croft's own names are
 * those of other sites' images.
 */
export const whyNotExternal = (name: string): string | null => {
  const shown = JSON.stringify(name.slice(0, 120));
  if (!imageRefSchema.safeParse(name).success)
    return `${shown} is not an image name such as node:22-bookworm-slim`;
  const lower = name.toLowerCase();
  if (/^[a-f0-9]+$/.test(lower))
    return `${shown} could be an image id; add a tag or the registry, such as docker.io/library/${lower}:latest`;
  if (/^sha\d+(?:[:@]|$)/.test(lower)) return `${shown} is a digest without a name; write name@sha256:…`;
  const path = lower.replace(/^(?:(?:index\.)?docker\.io\/)?(?:library\/)?/, "");
  if (/^croft(?:$|[-/:@])/.test(path)) return `${shown} is in Croft's own namespace`;
  return null;
};
