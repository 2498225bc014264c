import type { Actor } from "../domain/actor.ts";

/** The part of a site that the git remote needs. */
export interface GitSite {
  siteId: string;
  slug: string;
  environmentId: string;
  /** Absolute path of the bare repository; made when it is not there. */
  repoPath: string;
  /** The branch whose pushes deploy. */
  branch: string;
  /** False: pushes are kept, and deployed when somebody says so. */
  autoDeploy: boolean;
}

/** A push while its git process runs. Hooks name it by its token. */
export interface Push {
  readonly token: string;
  readonly actor: Actor;
  readonly site: GitSite;
  /** Set once pre-receive let it pass: from then on refs move, and what follows must not be cut off. */
  accepted: boolean;
  /** Resolves when nothing is left to do but to show the log. */
  readonly settled: Promise<void>;
  settle(): void;
}

export interface Pushes {
  open(actor: Actor, site: GitSite): Push;
  find(token: string): Push | undefined;
  close(push: Push): void;
}

/** The pushes that run right now, shared by the remote (which starts them) and the hook socket (which answers them). */
export const createPushes = (): Pushes => {
  const running = new Map<string, Push>();
  return {
    open(actor, site) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
      const push: Push = { token, actor, site, accepted: false, settled: promise, settle: resolve };
      running.set(token, push);
      return push;
    },
    find: (token) => running.get(token),
    close(push) {
      running.delete(push.token);
      push.settle();
    },
  };
};
