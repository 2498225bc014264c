import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { z } from "zod";
import { createStore } from "../db/store.ts";
import { type Log, silentLog } from "../domain/log.ts";
import { MB } from "../domain/size.ts";
import { AppError, invalid } from "../errors.ts";
import { createIdentity, type Identity } from "../identity/identity.ts";
import { ensureSetupToken } from "../identity/setup-token.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import { identityRoutes } from "./api/identity.ts";
import {
  type AppEnv,
  authenticate,
  clearSessionCookie,
  clientIp,
  csrfToken,
  isHttps,
  requireScope,
  setSessionCookie,
} from "./auth.ts";
import { errorHandler, notFoundHandler } from "./error-response.ts";
import { readJson } from "./read-body.ts";

const owner = { username: "ada", email: "ada@example.org", password: "right horse battery" };
const direct = { peerIp: "127.0.0.1", viaEdge: false };
const edge = { peerIp: "127.0.0.1", viaEdge: true };

let database: TemporaryDatabase;
let identity: Identity;
let app: Hono<AppEnv>;
let key: string;
let logged: string[];

/** The app as the daemon mounts it, with a few routes that show what the middleware found out. */
beforeEach(async () => {
  database = await temporaryDatabase();
  const store = createStore(database.db);
  identity = createIdentity({ store, dataDir: database.dir, clock: fakeClock(), log: silentLog });
  const token = (await ensureSetupToken(database.dir, false))!;
  key = (await identity.setupOwner({ token, ...owner }, { ip: null, userAgent: null })).token;
  logged = [];
  const log: Log = {
    ...silentLog,
    error: (message, fields) => void logged.push(`${message} ${Bun.inspect(fields)}`),
  };
  app = new Hono<AppEnv>();
  app.onError(errorHandler(log));
  app.notFound(notFoundHandler);
  app.use(authenticate({ identity }));
  app.post("/sign-in", async (c) => {
    const form = await c.req.parseBody();
    const credentials = { username: String(form.username), password: String(form.password) };
    setSessionCookie(c, await identity.signIn(credentials, { ip: clientIp(c), userAgent: null }));
    return c.text("welcome");
  });
  app.get("/form", (c) => c.text(csrfToken(c)));
  app.post("/change", async (c) => {
    requireScope(c, "write");
    return c.text(String((await c.req.parseBody()).name ?? (await c.req.text())));
  });
  app.post("/sign-out", async (c) => {
    await identity.endSession(c.get("actor")!, c.get("session")!.id);
    clearSessionCookie(c);
    return c.text("bye");
  });
  app.get("/who", (c) =>
    c.json({ who: c.get("actor")?.username ?? null, ip: clientIp(c), https: isHttps(c) }),
  );
  app.get("/git/:repository/info", (c) => c.text(requireScope(c, "deploy").username));
  app.post("/json", async (c) => c.json(await readJson(c, z.strictObject({ port: z.number().optional() }))));
  app.get("/broken", () => {
    throw new Error("SQLITE_SECRET_DETAIL");
  });
  app.get("/inner", () => {
    throw new AppError("internal", "the secret cannot be decrypted", { cause: new Error("INNER_CAUSE") });
  });
  app.get("/engine", () => {
    throw new AppError("engine_unavailable", "Docker does not answer", { retryAfterSeconds: 9 });
  });
  app.route("/api/v1", identityRoutes({ identity }));
});
afterEach(() => database.close());

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const form = (fields: Record<string, string>) => new URLSearchParams(fields);
const json = (body: unknown, headers: Record<string, string> = {}) => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "Content-Type": "application/json", ...headers },
});

const signIn = async (env = direct, headers: Record<string, string> = {}) => {
  const response = await app.request("/sign-in", { method: "POST", body: form(owner), headers }, env);
  expect(response.status).toBe(200);
  const setCookie = response.headers.get("set-cookie")!;
  return { setCookie, cookie: setCookie.split(";")[0]! };
};

describe("who asks", () => {
  test("a key in the Authorization header, or nobody", async () => {
    expect(await (await app.request("/who", { headers: bearer(key) }, direct)).json()).toMatchObject({
      who: "ada",
    });
    expect(await (await app.request("/who", {}, direct)).json()).toMatchObject({ who: null });
  });

  test.each(["Bearer croft_wrong", "Bearer", "Basic eDp5", "Digest x", ""])(
    "%p is refused, even beside a good cookie",
    async (authorization) => {
      const { cookie } = await signIn();
      const headers = { Authorization: authorization, Cookie: cookie };
      const response = await app.request("/who", { headers }, direct);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
    },
  );

  test("git may send the key as a password, nothing else may", async () => {
    const headers = { Authorization: `Basic ${btoa(`anyone:${key}`)}` };
    expect(await (await app.request("/git/blog.git/info", { headers }, direct)).text()).toBe("ada");
    expect((await app.request("/who", { headers }, direct)).status).toBe(401);
    const asked = await app.request("/git/blog.git/info", {}, direct);
    expect(asked.status).toBe(401);
    expect(asked.headers.get("www-authenticate")).toStartWith("Basic");
  });

  test("forwarding headers count only when the edge sends them, and then only its own entry", async () => {
    const headers = { "X-Forwarded-For": "203.0.113.66, 198.51.100.7", "X-Forwarded-Proto": "https" };
    expect(await (await app.request("/who", { headers }, direct)).json()).toMatchObject({
      ip: "127.0.0.1",
      https: false,
    });
    expect(await (await app.request("/who", { headers }, edge)).json()).toMatchObject({
      ip: "198.51.100.7",
      https: true,
    });
    const junk = { "X-Forwarded-For": "203.0.113.66, <script>" };
    expect(await (await app.request("/who", { headers: junk }, edge)).json()).toMatchObject({
      ip: "127.0.0.1",
    });
  });

  test("a key does what its scopes say", async () => {
    const { actor } = (await identity.authenticateApiKey(key, { ip: null, userAgent: null }))!;
    const { token } = await identity.createApiKey(actor, ["admin"], { name: "ci", scopes: ["deploy"] });
    expect(
      (
        await app.request(
          "/git/x.git/info",
          { headers: { Authorization: `Basic ${btoa(`:${token}`)}` } },
          direct,
        )
      ).status,
    ).toBe(200);
    const refused = await app.request("/change", { method: "POST", headers: bearer(token) }, direct);
    expect(refused.status).toBe(403);
    expect(((await refused.json()) as { detail: string }).detail).toContain("write");
    expect((await app.request("/api/v1/keys", { headers: bearer(token) }, direct)).status).toBe(403);
  });
});

describe("sessions in a browser", () => {
  test("the cookie is out of reach of scripts and siblings; with HTTPS it carries the __Host- prefix", async () => {
    const plain = (await signIn()).setCookie;
    expect(plain).toStartWith("croft_session=");
    for (const part of ["HttpOnly", "SameSite=Lax", "Path=/"]) expect(plain).toContain(part);
    expect(plain).not.toContain("Secure");
    const https = { "X-Forwarded-Proto": "https" };
    const secure = await signIn(edge, https);
    expect(secure.setCookie).toStartWith("__Host-croft=");
    expect(secure.setCookie).toContain("Secure");
    expect(secure.setCookie).not.toContain("Domain");
    const who = await app.request("/who", { headers: { Cookie: secure.cookie, ...https } }, edge);
    expect(await who.json()).toMatchObject({ who: "ada" });
    const planted = secure.cookie.replace("__Host-croft", "croft_session");
    const other = await app.request("/who", { headers: { Cookie: planted, ...https } }, edge);
    expect(await other.json()).toMatchObject({ who: null });
  });

  test("a change needs the session's own token, as field or header", async () => {
    const mine = await signIn();
    const theirs = await signIn();
    const tokenOf = async (cookie: string) =>
      (await app.request("/form", { headers: { Cookie: cookie } }, direct)).text();
    const token = await tokenOf(mine.cookie);
    const post = (body: BodyInit | null, headers: Record<string, string> = {}) =>
      app.request("/change", { method: "POST", body, headers: { Cookie: mine.cookie, ...headers } }, direct);

    expect(await (await post(form({ _csrf: token, name: "blog" }))).text()).toBe("blog");
    const multipart = new FormData();
    multipart.set("_csrf", token);
    multipart.set("name", "shop");
    expect(await (await post(multipart)).text()).toBe("shop");
    expect(
      await (await post('{"a":1}', { "x-csrf-token": token, "Content-Type": "application/json" })).text(),
    ).toBe('{"a":1}');
    for (const wrong of ["", "x", await tokenOf(theirs.cookie), mine.cookie.split("=")[1]!])
      expect((await post(form({ _csrf: wrong, name: "blog" }))).status).toBe(403);
    expect((await post(form({ name: "blog" }))).status).toBe(403);
    expect((await post(null)).status).toBe(403);
    expect((await post('{"_csrf":"x"}', { "Content-Type": "application/json" })).status).toBe(403);
  });

  test.each([
    [{ Origin: "http://evil.example" }],
    [{ Origin: "http://blog.localhost" }],
    [{ Origin: "null" }],
    [{ "Sec-Fetch-Site": "cross-site" }],
    [{ "Sec-Fetch-Site": "same-site" }],
  ])("a post with %p is refused, signed in or not", async (headers) => {
    const { cookie } = await signIn();
    const token = await (await app.request("/form", { headers: { Cookie: cookie } }, direct)).text();
    const own = { ...headers, Host: "localhost", Cookie: cookie } as Record<string, string>;
    const body = form({ _csrf: token, name: "x" });
    expect((await app.request("/change", { method: "POST", body, headers: own }, direct)).status).toBe(403);
    const login = { method: "POST", body: form(owner), headers: { Host: "localhost", ...headers } };
    expect((await app.request("/sign-in", login as RequestInit, direct)).status).toBe(403);
  });

  test("a post from our own page passes", async () => {
    const { cookie } = await signIn();
    const token = await (await app.request("/form", { headers: { Cookie: cookie } }, direct)).text();
    const headers = {
      Host: "croft.localhost:8080",
      Origin: "http://croft.localhost:8080",
      "Sec-Fetch-Site": "same-origin",
      Cookie: cookie,
    };
    const body = form({ _csrf: token, name: "x" });
    expect((await app.request("/change", { method: "POST", body, headers }, direct)).status).toBe(200);
  });

  test("a form larger than 1 MB is refused before it is kept", async () => {
    const { cookie } = await signIn();
    const body = form({ _csrf: "x", name: "y".repeat(2 * MB) });
    const response = await app.request(
      "/change",
      { method: "POST", body, headers: { Cookie: cookie } },
      direct,
    );
    expect(response.status).toBe(413);
  });

  test("signing out ends the session and takes the cookie away", async () => {
    const { cookie } = await signIn();
    const token = await (await app.request("/form", { headers: { Cookie: cookie } }, direct)).text();
    const headers = { Cookie: cookie, "x-csrf-token": token };
    const response = await app.request("/sign-out", { method: "POST", headers }, direct);
    expect(response.headers.get("set-cookie")).toContain("Max-Age=0");
    const after = await app.request("/who", { headers: { Cookie: cookie } }, direct);
    expect(await after.json()).toMatchObject({ who: null });
  });
});

describe("errors", () => {
  const problemOf = async (response: Response) => {
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test("what is not known says nothing of the inside, and the log has all of it", async () => {
    const { status, body } = await problemOf(await app.request("/broken", {}, direct));
    expect(status).toBe(500);
    expect(body).toMatchObject({ code: "internal", status: 500, type: "urn:croft:error:internal" });
    expect(JSON.stringify(body)).not.toContain("SQLITE");
    expect(logged.join()).toContain("SQLITE_SECRET_DETAIL");
    await app.request("/inner", {}, direct);
    expect(logged.join()).toContain("INNER_CAUSE");
  });

  test("unavailable says when to come again", async () => {
    const response = await app.request("/engine", {}, direct);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("9");
  });

  test("an unknown address is a problem too", async () => {
    expect(await problemOf(await app.request("/nothing", {}, direct))).toMatchObject({ status: 404 });
  });

  test.each([
    ["not JSON", "{", "application/json", 400],
    ["invalid UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "application/json", 400],
    ["another type", "port=1", "text/plain", 400],
    ["a wrong field", '{"port":"x"}', "application/json", 422],
    ["an unknown field", '{"prot":1}', "application/json", 422],
    ["a list", "[]", "application/json", 422],
    ["too much", `{"port":${" ".repeat(MB)}1}`, "application/json", 413],
  ])("a body that is %s", async (_, body, type, status) => {
    const init = { method: "POST", body: body as BodyInit, headers: { "Content-Type": type } };
    expect((await problemOf(await app.request("/json", init, direct))).status).toBe(status);
  });

  test("an endless body without a length is cut off", async () => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    const init = { method: "POST", body, headers: { "Content-Type": "application/json" } };
    expect((await app.request("/json", init, direct)).status).toBe(413);
    expect(sent).toBeLessThan(2 * MB);
  });

  test("fields are named; no body counts as an empty object", async () => {
    const { body } = await problemOf(await app.request("/json", json({ port: "x", prot: 1 }), direct));
    expect((body.errors as { path: string }[]).map((one) => one.path).sort()).toEqual(["port", "prot"]);
    expect((await app.request("/json", { method: "POST" }, direct)).status).toBe(200);
    expect(invalid("a", "b").fields).toEqual([{ path: "a", message: "b" }]);
  });
});

describe("the API of identity", () => {
  test("login makes a key, me tells whose it is, keys are made and revoked", async () => {
    const login = await app.request(
      "/api/v1/login",
      json({ ...owner, email: undefined, keyName: "laptop" }),
      direct,
    );
    expect(login.status).toBe(201);
    const { token } = (await login.json()) as { token: string };
    const me = await app.request("/api/v1/me", { headers: bearer(token) }, direct);
    expect(await me.json()).toMatchObject({ user: { username: "ada", isAdmin: true } });

    const made = await app.request(
      "/api/v1/keys",
      json({ name: "ci", scopes: ["read"] }, bearer(token)),
      direct,
    );
    expect(made.status).toBe(201);
    const { token: second, key: view } = (await made.json()) as { token: string; key: { id: string } };
    const revoke = { method: "DELETE", headers: bearer(token) };
    expect((await app.request(`/api/v1/keys/${view.id}`, revoke, direct)).status).toBe(200);
    expect((await app.request("/api/v1/me", { headers: bearer(second) }, direct)).status).toBe(401);
    expect((await app.request(`/api/v1/keys/${view.id}`, revoke, direct)).status).toBe(404);
    expect((await app.request("/api/v1/me", {}, direct)).status).toBe(401);
  });

  test("setup is over once there is an owner", async () => {
    const response = await app.request("/api/v1/setup", json({ token: "x", ...owner }), direct);
    expect(response.status).toBe(409);
  });

  test("operators make users; a password that is refused is not repeated", async () => {
    const bob = { username: "bob", email: "bob@example.org", password: "password123" };
    const refused = await app.request("/api/v1/users", json(bob, bearer(key)), direct);
    expect(refused.status).toBe(422);
    const text = await refused.text();
    expect(JSON.parse(text).errors[0].path).toBe("password");
    expect(text).not.toContain("password123");
    const made = await app.request(
      "/api/v1/users",
      json({ ...bob, password: "right horse" }, bearer(key)),
      direct,
    );
    expect(made.status).toBe(201);
    expect(await made.json()).not.toHaveProperty("passwordHash");
    const again = await app.request(
      "/api/v1/users",
      json({ ...bob, password: "right horse" }, bearer(key)),
      direct,
    );
    expect(again.status).toBe(409);
    const list = (await (await app.request("/api/v1/users", { headers: bearer(key) }, direct)).json()) as {
      items: { username: string }[];
    };
    expect(list.items.map((user) => user.username)).toEqual(["ada", "bob"]);
  });

  test("wrong sign-ins end in 429 with the time to wait", async () => {
    const wrong = json({ username: "ada", password: "wrong horse" });
    const statuses: number[] = [];
    let last = new Response();
    for (let i = 0; i < 22; i++) {
      last = await app.request("/api/v1/login", wrong, direct);
      statuses.push(last.status);
    }
    expect(statuses.slice(0, 20)).toEqual(Array(20).fill(401));
    expect(last.status).toBe(429);
    expect(Number(last.headers.get("retry-after"))).toBeGreaterThan(0);
    const forged = { ...wrong, headers: { ...wrong.headers, "X-Forwarded-For": "203.0.113.1" } };
    expect((await app.request("/api/v1/login", forged, direct)).status).toBe(429);
  });
});
