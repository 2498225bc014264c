import { expect } from "bun:test";
import type { SiteView } from "../../domain/views.ts";
import type { TestCroft } from "./croft.ts";

/** Somebody with an account who is no operator. */
export interface Tenant {
  username: string;
  password: string;
  token: string;
  api<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: T }>;
  createSite(slug: string, fields?: object): Promise<SiteView>;
  push(
    slug: string,
    files: Record<string, string>,
    links?: Record<string, string>,
  ): Promise<{ exitCode: number; output: string }>;
}

/** An account made by the operator, signed in by its own password. Its sites are removed with the installation. */
export const tenantOf = async (croft: TestCroft, username: string): Promise<Tenant> => {
  const password = `${username}-has-a-long-password`;
  const made = await croft.api("POST", "/users", { username, email: `${username}@example.org`, password });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const { body } = await croft.api<{ token: string }>("POST", "/login", { username, password }, "");
  const { token } = body;
  return {
    username,
    password,
    token,
    api: (method, path, input) => croft.api(method, path, input, token),
    createSite: (slug, fields) => croft.createSite(slug, fields, token),
    push: (slug, files, links) => croft.push(slug, files, { token, links }),
  };
};
