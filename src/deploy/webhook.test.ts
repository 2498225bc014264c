import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { AppError } from "../errors.ts";
import { createHook } from "./hooks.ts";
import {
  commits,
  type HookFixture,
  hookFixture,
  operator,
  pushEvent,
  type Sent,
  sign,
} from "../testing/hook-fixture.ts";
import { isGenuine, maxDeliveryBytes } from "./webhook.ts";

const [c0, c1, c2, c3] = commits;

let at: HookFixture;
beforeEach(async () => {
  at = await hookFixture();
});
afterEach(() => at[Symbol.asyncDispose]());

describe("a genuine push", () => {
  test("deploys the commit it ends with", async () => {
    expect(await at.deliver()).toEqual({ status: 202, body: { deployment: "dep_1" } });
    expect(at.enqueued).toEqual([{ branch: "main", commit: c1 }]);
    expect(await at.listed()).toMatchObject([
      { event: "push", signatureOk: true, result: "deployed", deployment: "dep_1" },
    ]);
  });

  test("may come as a form, signed as it is", async () => {
    const raw = `payload=${encodeURIComponent(JSON.stringify(pushEvent()))}`;
    const answer = await at.deliver({ raw, type: "application/x-www-form-urlencoded" });
    expect(answer.status).toBe(202);
  });

  test("deploys a site without a repository address too, if its commit is known there", async () => {
    const made = await createHook(at.hooks, operator, "blog", { provider: "github" });
    const answer = await at.deliver({ hookId: made.id, secret: made.secret });
    expect(answer.status).toBe(202);
  });
});

describe("counts once", () => {
  test("when replayed", async () => {
    await at.deliver({ delivery: "same" });
    expect(await at.deliver({ delivery: "same" })).toEqual({
      status: 200,
      body: { duplicate: true, ignored: "this delivery was seen before", deployment: "dep_1" },
    });
    expect(at.enqueued).toHaveLength(1);
  });

  test("when a hundred copies come at once", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => at.deliver({ delivery: "same" })));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(99);
    expect(at.enqueued).toHaveLength(1);
  });

  test("but a forged copy before does not block it", async () => {
    expect((await at.deliver({ delivery: "same", secret: "wrong" })).status).toBe(401);
    expect((await at.deliver({ delivery: "same" })).status).toBe(202);
  });

  test("but can be delivered again after a failure inside", async () => {
    at.enqueue = async () => {
      throw new AppError("unavailable", "the at.database is busy");
    };
    expect((await at.deliver({ delivery: "same" })).status).toBe(503);
    at.enqueue = async () => ({ deploymentId: "dep_later" });
    expect(await at.deliver({ delivery: "same" })).toEqual({
      status: 202,
      body: { deployment: "dep_later" },
    });
  });

  test("but is taken up when a crash cut its handling short", async () => {
    await at.store.claimDelivery({
      hookId: at.hook.id,
      deliveryId: "same",
      event: "push",
      at: at.clock.nowMs(),
    });
    expect((await at.deliver({ delivery: "same" })).status).toBe(202);
    expect((await at.deliver({ delivery: "same" })).status).toBe(200);
  });
});

describe("out of order, the newest head wins", () => {
  const repository = (pushed_at?: number | string) => ({ full_name: "ada/shop", pushed_at });
  const late = { ignored: "a newer push to this branch was delivered before" };

  test("by the host's own times", async () => {
    await at.deliver({ body: pushEvent({ before: c2, after: c3, repository: repository(300) }) });
    const answer = await at.deliver({
      body: pushEvent({ before: c0, after: c1, repository: repository(100) }),
    });
    expect(answer).toEqual({ status: 200, body: late });
    expect(at.enqueued.map((one) => one.commit)).toEqual([c3]);
    const next = await at.deliver({
      body: pushEvent({ before: c3, after: c2, repository: repository(301) }),
    });
    expect(next.status).toBe(202);
  });

  test("by what follows on what, where times are equal or missing", async () => {
    for (const time of [undefined, 100]) {
      at.enqueued = [];
      await at.deliver({ body: pushEvent({ before: c1, after: c2, repository: repository(time) }) });
      const answer = await at.deliver({
        body: pushEvent({ before: c0, after: c1, repository: repository(time) }),
      });
      expect(answer.body).toEqual(late);
      expect(at.enqueued.map((one) => one.commit)).toEqual([c2]);
      at.database.raw.run("DELETE FROM hook_deliveries_in");
    }
  });

  test("and a push that takes earlier ones back is no late one", async () => {
    for (const [before, after] of [
      [c0, c1],
      [c1, c2],
      [c2, c3],
      [c3, c1],
      [c1, c0],
    ])
      expect(
        (await at.deliver({ body: pushEvent({ before, after, repository: repository() }) })).status,
      ).toBe(202);
    expect(at.enqueued.at(-1)?.commit).toBe(c0);
  });

  test("two at once are queued one after the other", async () => {
    const order: string[] = [];
    const begun = Promise.withResolvers<void>();
    at.enqueue = async (_target, { commit }) => {
      begun.resolve();
      await Bun.sleep(commit === c1 ? 30 : 0);
      order.push(commit);
      return { deploymentId: "dep" };
    };
    const first = at.deliver({ body: pushEvent({ before: c0, after: c1, repository: repository(1) }) });
    // Which of two is looked at first is nobody's promise.
    await begun.promise;
    await at.deliver({ body: pushEvent({ before: c1, after: c2, repository: repository(2) }) });
    await first;
    expect(order).toEqual([c1, c2]);
  });
});

describe("deploys nothing and says why", () => {
  test.each([
    ["ping events deploy nothing", { event: "ping", body: { zen: "…" } }],
    ["pull_request events deploy nothing", { event: "pull_request" }],
    ["branch dev does not deploy, main does", { body: pushEvent({ ref: "refs/heads/dev" }) }],
    ["branch x/main does not deploy, main does", { body: pushEvent({ ref: "refs/heads/x/main" }) }],
    ["tags deploy nothing", { body: pushEvent({ ref: "refs/tags/main" }) }],
    ["the branch was deleted", { body: pushEvent({ deleted: true, after: "0".repeat(40) }) }],
    ["the branch was deleted", { body: pushEvent({ after: "0".repeat(40) }) }],
  ] as [string, Sent][])("%s", async (reason, sent) => {
    expect(await at.deliver(sent)).toEqual({ status: 200, body: { ignored: reason } });
    expect(at.enqueued).toEqual([]);
    expect(await at.listed()).toMatchObject([
      { signatureOk: true, result: `ignored: ${reason}`, deployment: null },
    ]);
  });

  test.each([
    { full_name: "ada/shop2", clone_url: "https://github.com/ada/shop2.git" },
    { full_name: "eve/ada/shop", clone_url: "https://github.com/eve/ada/shop.git" },
    { full_name: "ada/shop", clone_url: "https://github.com.evil.example/ada/shop.git" },
    { full_name: "ada/shop", clone_url: "https://evil.example/github.com/ada/shop.git" },
    { full_name: "ada/sho" },
    { full_name: "a/ada/shop" },
    { full_name: "" },
  ])("a push to another repository: %o", async (repository) => {
    const { status, body } = await at.deliver({ body: pushEvent({ repository }) });
    expect(status).toBe(200);
    expect(body.ignored).toEndWith("not to the site's repository");
    expect(at.enqueued).toEqual([]);
  });

  test("when automatic deploys are off", async () => {
    at.database.raw.run("UPDATE environments SET auto_deploy = 0 WHERE id = 'env_shop'");
    expect((await at.deliver()).body).toEqual({
      ignored: "automatic deploys are switched off for this site",
    });
  });

  test("when the deployment is refused, until the site is set right", async () => {
    const enqueue = at.enqueue;
    at.enqueue = async () => {
      throw new AppError("conflict", "the site has no repository URL");
    };
    const refused = { status: 200, body: { ignored: "the site has no repository URL" } };
    expect(await at.deliver({ delivery: "same" })).toEqual(refused);
    expect(await at.listed()).toMatchObject([{ result: "refused: the site has no repository URL" }]);
    at.enqueue = enqueue;
    expect((await at.deliver({ delivery: "same" })).status).toBe(202);
    expect((await at.deliver({ delivery: "same" })).body.duplicate).toBe(true);
  });

  test("hostile text in names is stored without control characters", async () => {
    const ref = "refs/heads/<script>\x1b]0;x\x07\u202e$(touch x)\n";
    const { body } = await at.deliver({ body: pushEvent({ ref }) });
    expect(body.ignored).toBe("branch <script>]0;x$(touch x) does not deploy, main does");
  });
});

describe("is refused", () => {
  const sha1 = () => sign("sha1", at.hook.secret, JSON.stringify(pushEvent()));

  test.each([
    ["no signature", () => null, "the signature is missing (X-Hub-Signature-256)"],
    ["an empty one", () => "", "the signature is wrong"],
    ["a short one", () => "sha256=", "the signature is wrong"],
    ["SHA-1", sha1, "the signature is wrong"],
    ["another body's", () => sign("sha256", at.hook.secret, "x"), "the signature is wrong"],
    [
      "one by an empty secret",
      () => sign("sha256", "", JSON.stringify(pushEvent())),
      "the signature is wrong",
    ],
    [
      "one by the word null",
      () => sign("sha256", "null", JSON.stringify(pushEvent())),
      "the signature is wrong",
    ],
    [
      "capital digits",
      () =>
        sign("sha256", at.hook.secret, JSON.stringify(pushEvent())).replace(/[a-f]/g, (digit) =>
          digit.toUpperCase(),
        ),
      "the signature is wrong",
    ],
  ])("with %s", async (_name, signature, detail) => {
    const answer = await at.deliver({ signature: signature() });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated", detail, status: 401 } });
    expect(at.enqueued).toEqual([]);
    expect(await at.listed()).toMatchObject([
      { signatureOk: false, result: `refused: ${detail}`, deployment: null },
    ]);
    const events = await at.database.db.selectFrom("securityEvents").selectAll().execute();
    expect(events).toMatchObject([{ type: "hook_signature_wrong", severity: "medium", ip: "192.0.2.7" }]);
    expect(JSON.stringify(events)).not.toContain(at.hook.secret);
  });

  test("when the old SHA-1 header comes alone", async () => {
    const headers = { "x-hub-signature": sha1(), "x-github-event": "push", "x-github-delivery": "d" };
    const body = JSON.stringify(pushEvent());
    const answer = await at.app.request(
      `/hooks/github/${at.hook.id}`,
      { method: "POST", headers, body },
      {
        peerIp: null,
        viaEdge: false,
      },
    );
    expect(answer.status).toBe(401);
  });

  test("with an empty stored secret, whatever the signature", () => {
    const body = Buffer.from("x");
    expect(isGenuine("", body, sign("sha256", "", "x"))).toBe(false);
    expect(isGenuine("s", body, sign("sha256", "s", "x"))).toBe(true);
  });

  test("and a flood of forgeries is counted, not stored without end", async () => {
    for (let i = 0; i < 50; i++) expect((await at.deliver({ secret: "wrong" })).status).toBe(401);
    expect(await at.listed()).toHaveLength(30);
    expect(await at.database.db.selectFrom("securityEvents").selectAll().execute()).toHaveLength(30);
    at.clock.advance(61_000);
    await at.deliver({ secret: "wrong" });
    expect(await at.listed()).toHaveLength(31);
  });

  test("without event, without delivery id, or not as GitHub writes it", async () => {
    expect((await at.deliver({ event: null })).body.detail).toBe("the header X-GitHub-Event is missing");
    expect((await at.deliver({ delivery: null })).body.detail).toBe(
      "the header X-GitHub-Delivery is missing",
    );
    for (const raw of [
      "",
      "{",
      "[]",
      "null",
      JSON.stringify(pushEvent({ after: "--upload-pack" })),
      JSON.stringify({ ref: 1 }),
    ])
      expect((await at.deliver({ raw })).status).toBe(400);
    expect(at.enqueued).toEqual([]);
  });

  test("for a hook that is not there, of another provider, or of a deleted site", async () => {
    expect((await at.deliver({ hookId: "hook_none" })).status).toBe(404);
    const headers = { "x-github-event": "push" };
    const gitlab = await at.app.request(`/hooks/gitlab/${at.hook.id}`, {
      method: "POST",
      headers,
      body: "{}",
    });
    expect(gitlab.status).toBe(404);
    await at.store.markSiteDeleted("site_shop", at.clock.nowMs(), false);
    expect((await at.deliver()).status).toBe(404);
  });

  test("above 25 MB, announced or not", async () => {
    const announced = await at.deliver({ raw: " ".repeat(maxDeliveryBytes + 1) });
    expect([announced.status, announced.body.code]).toEqual([413, "too_large"]);
    const chunk = new Uint8Array(1024 * 1024);
    let sent = 0;
    const body = new ReadableStream({
      pull(stream) {
        if (sent++ < 1000) stream.enqueue(chunk);
        else stream.close();
      },
    });
    const endless = await at.app.request(
      `/hooks/github/${at.hook.id}`,
      { method: "POST", body },
      { peerIp: null, viaEdge: false },
    );
    expect(endless.status).toBe(413);
    expect(sent).toBeLessThan(40);
  });
});

test("old deliveries are pruned in small steps", async () => {
  for (let i = 0; i < 5; i++) await at.deliver({ event: "ping" });
  at.clock.advance(1000);
  await at.deliver({ event: "ping" });
  expect(await at.store.pruneDeliveries(at.clock.nowMs(), 3)).toBe(3);
  expect(await at.store.pruneDeliveries(at.clock.nowMs(), 3)).toBe(2);
  expect(await at.store.pruneDeliveries(at.clock.nowMs(), 3)).toBe(0);
  expect(await at.listed()).toHaveLength(1);
});
