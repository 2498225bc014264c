import { createHmac, randomBytes } from "node:crypto";

type User = { name: string; passwordHash: string };

/**
 * Basic authentication (RFC 7617). A password hash takes tens of milliseconds on purpose, so what was once verified,
 * or refused, is known by an HMAC under a key of this process; hashes are computed a few at a time.
 */
export interface PasswordCheck {
  readonly users: readonly User[];
  readonly key: Uint8Array;
  readonly known: Map<string, boolean>;
  /** Hashes being computed, by HMAC: the requests of one page wait for the same one. */
  readonly pending: Map<string, Promise<boolean>>;
}

const mostKnown = 1_000;
const mostPending = 8;

/** @param before goes on with what it knows when the users are the same */
export const createPasswordCheck = (users: readonly User[], before: PasswordCheck | null): PasswordCheck =>
  before !== null && JSON.stringify(before.users) === JSON.stringify(users)
    ? before
    : { users, key: randomBytes(32), known: new Map(), pending: new Map() };

/**
 * @param authorization the field's value, undefined when it was not sent
 * @returns at once where it is known; "busy" when too many passwords are being tried
 */
export const checkPassword = (
  check: PasswordCheck,
  authorization: string | undefined,
): boolean | "busy" | Promise<boolean> => {
  const credentials = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? "");
  if (credentials === null) return false;
  const text = Buffer.from(credentials[1]!, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return false;
  const id = createHmac("sha256", check.key).update(text).digest("base64");
  const known = check.known.get(id);
  if (known !== undefined) return known;
  const running = check.pending.get(id);
  if (running !== undefined) return running;
  if (check.pending.size >= mostPending) return "busy";
  const verified = verify(check.users, text.slice(0, colon), text.slice(colon + 1)).then((good) => {
    if (check.known.size >= mostKnown) forgetOne(check.known);
    check.known.set(id, good);
    return good;
  });
  const settled = verified.finally(() => check.pending.delete(id));
  check.pending.set(id, settled);
  return settled;
};

/** A name that nobody has takes as long as a wrong password. */
const verify = async (users: readonly User[], name: string, password: string): Promise<boolean> => {
  const user = users.find((one) => one.name === name);
  const good = await Bun.password.verify(password, (user ?? users[0]!).passwordHash).catch(() => false);
  return good && user !== undefined;
};

/** Guesses go first: they must not push out who is known. */
const forgetOne = (known: Map<string, boolean>): void => {
  for (const [id, good] of known)
    if (!good) {
      known.delete(id);
      return;
    }
  known.delete(known.keys().next().value!);
};
