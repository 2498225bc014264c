import type { RouteTarget } from "../domain/edge.ts";
import { fieldTexts } from "./fields.ts";
import type { Exchange, Replica } from "./state.ts";

/** A route's groups of replicas, ready to choose from. */
export interface ActiveSplit {
  cookie: string;
  maxAgeSeconds: number | null;
  groups: ActiveGroup[];
  /** Sum of the weights. */
  weight: number;
}

export interface ActiveGroup {
  name: string;
  weight: number;
  replicas: Replica[];
}

/** Groups without a replica in the table are left out. */
export const activeSplit = (target: RouteTarget, replicas: readonly Replica[]): ActiveSplit | null => {
  if (target.kind !== "replicas" || target.split == null) return null;
  const { cookie, maxAgeSeconds } = target.split;
  const groups = target.split.groups
    .map(({ name, weight, replicaIds }) => ({
      name,
      weight,
      replicas: replicas.filter(({ upstream }) => replicaIds.includes(upstream.replicaId)),
    }))
    .filter((group) => group.replicas.length > 0);
  const weight = groups.reduce((sum, group) => sum + group.weight, 0);
  return groups.length === 0 ? null : { cookie, maxAgeSeconds, groups, weight };
};

const cookieName = new Set(["cookie"]);

/** Decides who may serve the request whose head is in the scratch space. */
export const chooseGroup = (exchange: Exchange, split: ActiveSplit): void => {
  const { edge } = exchange.visitor;
  const cookies = fieldTexts(edge.requestOut, cookieName).get("cookie") ?? "";
  const named = valueOf(cookies, split.cookie);
  const known = split.groups.find((group) => group.name === named);
  exchange.group = known ?? byWeight(split, edge.random());
  exchange.groupIsNew = known === undefined;
};

/** Several Cookie fields are joined by comma (`fieldTexts`); names and values here hold neither. */
const valueOf = (cookies: string, name: string): string | null => {
  for (const pair of cookies.split(/[;,]/)) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return null;
};

/** @param random from 0 to 1, without 1 */
const byWeight = ({ groups, weight }: ActiveSplit, random: number): ActiveGroup => {
  let left = random * weight;
  for (const group of groups) {
    if (left < group.weight) return group;
    left -= group.weight;
  }
  return groups[0]!;
};

/** The line that brings the visitor back to the group. */
export const groupCookie = ({ target, group, secure }: Exchange): string => {
  const { split } = target;
  if (split === null || group === null) return "";
  const age = split.maxAgeSeconds === null ? "" : `; Max-Age=${split.maxAgeSeconds}`;
  return `Set-Cookie: ${split.cookie}=${group.name}; Path=/${age}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}\r\n`;
};
