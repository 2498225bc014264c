/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { AppError } from "../../errors.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, readForm, type Refusal, type Typed } from "../form.ts";
import { HostDoctor } from "../pages/host-doctor.tsx";
import { HostStorage } from "../pages/host-storage.tsx";
import { Host } from "../pages/host.tsx";
import { People } from "../pages/people.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

const operatorsOnly = (person: Person): void => {
  if (!person.isAdmin) throw new AppError("forbidden", "Only an operator of this installation may see this");
};

/** The machine, its backups, and the people on it. */
export const hostRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const host = async (person: Person, refusal: Refusal | null) => (
    <Host
      host={await deps.host(person)}
      https={person.isAdmin ? await deps.https(person) : null}
      use={person.isAdmin ? { rows: await deps.fleet(person), storage: await deps.storage(person) } : null}
      guard={person.isAdmin ? await deps.guard(person) : null}
      backups={person.isAdmin ? await deps.listBackups(person) : null}
      refusal={refusal}
    />
  );

  app.get("/host", async (c) =>
    page(c, { title: "Host", scripts: ["live.js"] }, await host(signedIn(c), null)),
  );

  app.get("/host/storage", async (c) => {
    const person = signedIn(c);
    const storage = await deps.storage(person);
    return page(
      c,
      { title: "Disk space", scripts: ["live.js"] },
      <HostStorage storage={storage} refusal={null} />,
    );
  });

  app.post("/host/storage/clean", async (c) => {
    const person = signedIn(c);
    operatorsOnly(person);
    await readForm(c);
    return attempt(
      async () => {
        await deps.cleanStorage(person);
        return c.redirect("/host/storage?done=cleaned", 303);
      },
      async (refusal) =>
        page(
          c,
          { title: "Error: tidy up", status: refusal.status },
          <HostStorage storage={await deps.storage(person)} refusal={refusal} />,
        ),
    );
  });

  app.get("/host/doctor", async (c) => {
    const person = signedIn(c);
    return page(c, { title: "Doctor" }, <HostDoctor findings={await deps.examine(person)} />);
  });

  app.post("/host/backups", async (c) => {
    const person = signedIn(c);
    operatorsOnly(person);
    await readForm(c);
    return attempt(
      async () => {
        await deps.createBackup(person);
        return c.redirect("/host?done=backup-made", 303);
      },
      async (refusal) =>
        page(c, { title: "Error: back up", status: refusal.status }, await host(person, refusal)),
    );
  });

  app.post("/host/guard/release", async (c) => {
    const person = signedIn(c);
    operatorsOnly(person);
    const { site = "" } = await readForm(c);
    return attempt(
      async () => {
        await deps.releaseFromGuard(person, site);
        return c.redirect("/host?done=guard-released", 303);
      },
      async (refusal) =>
        page(c, { title: "Error: release", status: refusal.status }, await host(person, refusal)),
    );
  });

  const people = async (person: Person, typed: Typed, refusal: Refusal | null) => (
    <People users={await deps.listUsers(person)} typed={typed} refusal={refusal} />
  );

  app.get("/people", async (c) => {
    const person = signedIn(c);
    operatorsOnly(person);
    return page(c, { title: "People" }, await people(person, {}, null));
  });

  app.post("/people", async (c) => {
    const person = signedIn(c);
    operatorsOnly(person);
    const typed = await readForm(c);
    return attempt(
      async () => {
        await deps.createUser(person, {
          username: (typed.username ?? "").trim(),
          email: (typed.email ?? "").trim(),
          password: typed.password ?? "",
          isAdmin: typed.isAdmin === "yes",
        });
        return c.redirect("/people?done=user-added", 303);
      },
      async (refusal) =>
        page(c, { title: "Error: people", status: refusal.status }, await people(person, typed, refusal)),
    );
  });

  return app;
};
