/** @jsxImportSource hono/jsx */
import { siteTypes } from "../../domain/site.ts";
import { Field, FormErrors, PostForm, Select } from "../components/form.tsx";
import type { Refusal, Typed } from "../form.ts";
import { typeWords } from "../words.ts";

export const newSiteWays = [
  { name: "git", label: "Git address" },
  { name: "push", label: "Push" },
  { name: "image", label: "Image" },
] as const;
export type NewSiteWay = (typeof newSiteWays)[number]["name"];

const intro: Record<NewSiteWay, string> = {
  git: "Paste the address of a repository. It is cloned, built, and put online; nothing else has to be filled in.",
  push: "Name the site; the next page has the two commands that push a folder of yours to it.",
  image: "A ready image is started as it is, held inside the limits.",
};

/** A new site, in one of three ways; each asks only for what it needs. */
export const NewSite = (props: {
  way: NewSiteWay;
  baseDomain: string;
  typed: Typed;
  refusal: Refusal | null;
}) => {
  const { way, typed, refusal } = props;
  const common = { typed, refusal };
  return (
    <div class="reading">
      <header class="page-head">
        <h1>New site</h1>
      </header>
      <nav class="tabs" aria-label="Where it comes from">
        <ul>
          {newSiteWays.map((one) => (
            <li>
              <a href={`/sites/new?from=${one.name}`} aria-current={one.name === way ? "page" : undefined}>
                {one.label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <p>{intro[way]}</p>
      <PostForm action={`/sites/new?from=${way}`} class="big-form">
        <FormErrors refusal={refusal} />
        {way === "git" && (
          <Field
            name="repositoryUrl"
            label="Git address"
            {...common}
            required
            autofocus={!refusal}
            mono
            type="url"
            placeholder="https://github.com/you/your-site"
            data={{ "data-slug-from": "slug" }}
          />
        )}
        {way === "image" && (
          <Field
            name="image"
            label="Image"
            {...common}
            required
            autofocus={!refusal}
            mono
            placeholder="nginx:1.27"
            data={{ "data-slug-from": "slug" }}
          />
        )}
        <Field
          name="slug"
          label="Name in the address"
          {...common}
          required={way === "push"}
          mono
          placeholder="my-site"
          hint={
            <>
              {way === "push" ? "" : "Left empty, it is taken from the line above. "}It answers at{" "}
              <code data-slug-shown>my-site</code>
              <code>.{props.baseDomain}</code>. a-z, 0-9 and -, at most 40.
            </>
          }
        />
        {way !== "push" && <More way={way} {...common} />}
        <button class="main">{way === "push" ? "Make the site" : "Deploy"}</button>
      </PostForm>
    </div>
  );
};

const moreFields = ["type", "branch", "rootDirectory", "buildCommand", "startCommand", "port"];

const More = ({ way, typed, refusal }: { way: NewSiteWay; typed: Typed; refusal: Refusal | null }) => {
  const common = { typed, refusal };
  // What was filled in or refused must not hide.
  const open =
    moreFields.some((name) => typed[name]) ||
    (refusal?.fields.some((field) => moreFields.includes(field.path)) ?? false);
  return (
    <details open={open}>
      <summary>More, when it is needed</summary>
      {way === "git" && (
        <>
          <Field name="branch" label="Branch" {...common} mono placeholder="main" />
          <Field
            name="rootDirectory"
            label="Folder"
            {...common}
            mono
            hint="Inside the repository; empty for its root."
          />
          <Select
            name="type"
            label="Kind"
            {...common}
            options={siteTypes
              .filter((type) => type !== "image")
              .map((type) => ({ value: type === "auto" ? "" : type, label: typeWords[type] }))}
          />
          <Field name="buildCommand" label="Build command" {...common} mono />
        </>
      )}
      <Field name="startCommand" label="Start command" {...common} mono />
      <Field
        name="port"
        label="Port"
        {...common}
        inputmode="numeric"
        hint="Empty: found out by itself. The app is given it as PORT."
      />
    </details>
  );
};
