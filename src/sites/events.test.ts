import { expect, test } from "bun:test";
import type { EventRecord } from "../domain/event.ts";
import { newId } from "../domain/id.ts";
import { siteFixture } from "../testing/site-fixture.ts";
import { eventsQuery, listEvents, listSiteEvents } from "./events.ts";

const eventOf = (at: number, environmentId: string | null): EventRecord => ({
  id: newId("evt", at),
  at,
  kind: "disk.near_full",
  severity: "warning",
  environmentId,
  message: `at ${at}`,
  details: '{"usedBytes":1}',
  endedAt: null,
});

test("events come newest first, page by page, and end once", async () => {
  await using site = await siteFixture();
  const { deps, owner, slug, store, environmentId } = site;
  for (const at of [1000, 2000, 3000]) await store.insertEvent(eventOf(at, environmentId));
  const first = await listSiteEvents(deps, owner, slug, eventsQuery({ limit: 2 }));
  expect(first.items.map(({ message }) => message)).toEqual(["at 3000", "at 2000"]);
  expect(first.items[0]).toMatchObject({ site: slug, environment: "production", details: { usedBytes: 1 } });
  const rest = await listSiteEvents(deps, owner, slug, eventsQuery({ cursor: first.next! }));
  expect(rest.items.map(({ message }) => message)).toEqual(["at 1000"]);
  expect(rest.next).toBeNull();

  const [open] = await store.openEvents("disk.near_full");
  expect(await store.endEvent(open!.id, 5000)).toBe(true);
  expect(await store.endEvent(open!.id, 6000)).toBe(false);
  expect(await store.openEvents("disk.near_full")).toHaveLength(2);
  const all = await listSiteEvents(deps, owner, slug, eventsQuery({}));
  expect(all.items.at(-1)!.endedAt).toBe("1970-01-01T00:00:05.000Z");
});

test("people see what happened to their own sites, operators that of all and of the host", async () => {
  await using site = await siteFixture();
  const { deps, slug, store, environmentId } = site;
  const owner = { ...site.owner, isAdmin: false };
  const stranger = { ...owner, userId: "usr_stranger" };
  await store.insertEvent(eventOf(1000, environmentId));
  await store.insertEvent(eventOf(2000, null));
  const seen = async (actor: typeof owner) =>
    (await listEvents(deps, actor, eventsQuery({}))).items.map((event) => event.site);
  expect(await seen(owner)).toEqual([slug]);
  expect(await seen(stranger)).toEqual([]);
  expect(await seen({ ...stranger, isAdmin: true })).toEqual([null, slug]);
  await expect(listSiteEvents(deps, stranger, slug, eventsQuery({}))).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a wrong page is refused by its field", () => {
  expect(() => eventsQuery({ cursor: "x' OR 1" })).toThrow(
    expect.objectContaining({ code: "invalid_input" }),
  );
  expect(() => eventsQuery({ limit: 0 })).toThrow(expect.objectContaining({ code: "invalid_input" }));
});
