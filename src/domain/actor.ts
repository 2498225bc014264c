/** Who acts. Every verb takes one; the audit log keeps it. */
export type Actor =
  | {
      kind: "user";
      userId: string;
      username: string;
      isAdmin: boolean;
      via: "session" | "key";
      keyId?: string;
      ip: string | null;
      userAgent: string | null;
    }
  | { kind: "system"; name: string };

export const systemActor = (name: string): Actor => ({ kind: "system", name });

export const actorLabel = (actor: Actor): string =>
  actor.kind === "user" ? actor.username : `croft (${actor.name})`;

export const organizationRoles = ["owner", "admin", "member", "viewer"] as const;
export type OrganizationRole = (typeof organizationRoles)[number];

/** What may be done to a site. One table says who may (see `mayActOnSite`). */
export type SiteAction = "read" | "deploy" | "change" | "delete";

const needed: Record<SiteAction, readonly OrganizationRole[]> = {
  read: ["owner", "admin", "member", "viewer"],
  deploy: ["owner", "admin", "member"],
  change: ["owner", "admin"],
  delete: ["owner", "admin"],
};

/**
 * The operator may do everything; a site's owning user everything to it; members of an owning organisation what
 * their role allows.
 */
export const mayActOnSite = (
  actor: Actor,
  site: { ownerUserId: string | null },
  roleInOwner: OrganizationRole | null,
  action: SiteAction,
): boolean => {
  if (actor.kind === "system" || actor.isAdmin) return true;
  if (site.ownerUserId === actor.userId) return true;
  return roleInOwner !== null && needed[action].includes(roleInOwner);
};
