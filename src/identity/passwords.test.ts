import { expect, test } from "bun:test";
import { createPasswords } from "./passwords.ts";
import { accountSchema } from "./schemas.ts";

test("a hash fits its password alone", async () => {
  const passwords = createPasswords();
  const hash = await passwords.hash("right horse battery");
  expect(await passwords.verify("right horse battery", hash)).toEqual({ ok: true, upgradedHash: null });
  expect((await passwords.verify("wrong horse battery", hash)).ok).toBe(false);
  expect((await passwords.verify("right horse battery", null)).ok).toBe(false);
});

test.each([
  ["bcrypt", { algorithm: "bcrypt", cost: 4 }],
  ["weaker argon2", { algorithm: "argon2id", memoryCost: 1024, timeCost: 1 }],
] as const)("a %s hash is accepted and replaced", async (_, options) => {
  const passwords = createPasswords();
  const old = await Bun.password.hash("right horse battery", options);
  const { ok, upgradedHash } = await passwords.verify("right horse battery", old);
  expect(ok).toBe(true);
  expect(upgradedHash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  expect((await passwords.verify("right horse battery", upgradedHash)).ok).toBe(true);
  expect(await passwords.verify("wrong", old)).toEqual({ ok: false, upgradedHash: null });
});

test("more than may wait are refused at once; those that wait are all served", async () => {
  const passwords = createPasswords({ concurrent: 1, waiting: 2 });
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => passwords.verify("x", null)));
  expect(results.map((result) => result.status)).toEqual([
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
    "rejected",
    "rejected",
  ]);
  expect((results[5] as PromiseRejectedResult).reason).toMatchObject({ code: "rate_limited" });
  expect((await passwords.verify("x", null)).ok).toBe(false);
});

test("a flood of strangers neither fills the lane of known ones nor goes before them", async () => {
  const passwords = createPasswords({ concurrent: 1, waiting: 2 });
  const order: string[] = [];
  const strangers = Array.from({ length: 5 }, (_, i) =>
    passwords.verify("x", null).then(
      () => void order.push(`stranger ${i}`),
      () => void order.push(`refused ${i}`),
    ),
  );
  const known = passwords.verify("x", null, "known").then(() => void order.push("known"));
  await Promise.all([...strangers, known]);
  expect(order).toEqual(["refused 3", "refused 4", "stranger 0", "known", "stranger 1", "stranger 2"]);
});

const account = { username: "ada", email: "ada@example.org", password: "right horse battery" };

test.each([
  [{ password: "short" }, "10 to 200"],
  [{ password: "x".repeat(201) }, "10 to 200"],
  [{ password: "aabbaabbaabb" }, "4 different"],
  [{ password: "Password123!" }, "most used"],
  [{ username: "ada.lovelace", password: "Ada.Lovelace" }, "must not be the user name"],
  [{ password: "ADA@example.org" }, "must not be the user name"],
  [{ username: "a" }, "2 to 32"],
  [{ username: "Ada" }, "lower case"],
  [{ username: ".ada" }, "start with"],
  [{ username: "ada lovelace" }, "may hold"],
  [{ username: "$(touch x)" }, "may hold"],
  [{ email: "ada" }, "such as me@example.org"],
  [{ email: "ada@exa mple.org" }, "such as me@example.org"],
  [{ email: "<ada@example.org>\nBcc: x@y" }, "such as me@example.org"],
])("an account with %p is refused", (change, message) => {
  const result = accountSchema.safeParse({ ...account, ...change });
  expect(result.success).toBe(false);
  expect(result.error!.issues.map((issue) => issue.message).join()).toContain(message);
});

test("plain accounts pass, at the bounds too", () => {
  for (const change of [
    {},
    { email: "admin@localhost" },
    { password: "abcd567890".repeat(20) },
    { username: "a1" },
  ])
    expect(accountSchema.safeParse({ ...account, ...change }).success).toBe(true);
});
