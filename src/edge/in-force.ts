import type { CertificateSet, RouteTable, RouteTarget } from "../domain/edge.ts";
import { tellNews } from "./await-news.ts";
import type { Memory } from "./control-parts.ts";
import { releaseHeld } from "./hold.ts";
import { swapTable } from "./router.ts";
import type { Edge } from "./state.ts";
import { bookOf, type CertificateBook, parseCertificateSet } from "./tls/certificate-set.ts";
import { parseChallenges } from "./tls/challenges.ts";

/** What is put comes into force in this process. */

/** Puts a table in force that is newer than the present one. */
export const useTable = (edge: Edge, table: RouteTable): void => {
  if (table.version <= edge.router.version) return;
  swapTable(edge.router, table, edge.now(), Date.now());
  releaseHeld(edge);
  tellNews(edge);
};

/** Leads present routes elsewhere; a table that says so, too, follows. */
export const useTargets = (edge: Edge, targets: Record<string, RouteTarget>): void => {
  const { router } = edge;
  const routes = [...router.byId.values()].map(({ route }) => {
    const target = targets[route.id];
    return target === undefined ? route : { ...route, target };
  });
  const { trusted } = router;
  swapTable(router, { version: router.version, routes }, edge.now(), Date.now());
  router.trusted = trusted;
  releaseHeld(edge);
  tellNews(edge);
};

/** @returns the set and what is made of it, or what is wrong with it; `isOld`: a newer one is in force */
export const checkCertificates = (
  body: unknown,
  edge: Edge,
): { set: CertificateSet; book: CertificateBook } | { problem: string; isOld: boolean } => {
  const parsed = parseCertificateSet(body);
  if ("problem" in parsed) return { problem: parsed.problem, isOld: false };
  const { set } = parsed;
  const present = edge.certificates.version;
  if (set.version < present)
    return { problem: `version: set ${set.version} is below the present ${present}`, isOld: true };
  const made = bookOf(set, edge.certificates);
  return "problem" in made ? { problem: made.problem, isOld: false } : { set, book: made.book };
};

export const useCertificates = (
  book: CertificateBook,
  { edge, certificatesChanged }: { edge: Edge; certificatesChanged: () => void },
): void => {
  edge.certificates = book;
  certificatesChanged();
};

/** @returns what is wrong with them, null when they are in force */
export const takeChallenges = (body: unknown, edge: Edge, memory: Memory): string | null => {
  const parsed = parseChallenges(body);
  if ("problem" in parsed) return parsed.problem;
  edge.challenges = parsed.challenges;
  memory.challenges = body;
  return null;
};
