import type { PanelApp } from "./panel-app.ts";
import { owner } from "./panel-app.ts";

const direct = { peerIp: "127.0.0.1", viaEdge: false };
const origin = "http://croft.example.org";

export interface Page {
  status: number;
  headers: Headers;
  html: string;
  location: string | null;
}

/** A browser without JavaScript: keeps cookies, posts forms as pages do. */
export const panelClient = ({ app }: PanelApp) => {
  let cookie = "";
  const send = async (path: string, init: RequestInit = {}): Promise<Page> => {
    const headers = new Headers(init.headers);
    if (cookie) headers.set("cookie", cookie);
    const response = await app.request(`${origin}${path}`, { ...init, headers }, direct);
    for (const set of response.headers.getSetCookie()) {
      const pair = set.split(";", 1)[0]!;
      cookie = /=$/.test(pair) || /max-age=0/i.test(set) ? "" : pair;
    }
    return {
      status: response.status,
      headers: response.headers,
      html: await response.text(),
      location: response.headers.get("location"),
    };
  };
  const get = (path: string) => send(path);
  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    send(path, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { origin, host: "croft.example.org", "sec-fetch-site": "same-origin", ...headers },
    });
  const token = async (path: string): Promise<string> => {
    const { html } = await get(path);
    return /name="_csrf" value="([^"]+)"/.exec(html)?.[1] ?? "";
  };
  return {
    get,
    post,
    /** Posts with the token that a page of the session holds. */
    submit: async (path: string, fields: Record<string, string> = {}) =>
      post(path, { ...fields, _csrf: await token("/account") }),
    signIn: () => post("/sign-in", { username: owner.username, password: owner.password }),
    get cookie() {
      return cookie;
    },
  };
};

/** The text that a reader sees: tags out, entities as their characters. */
export const textOf = (html: string): string =>
  html
    .replace(/<[^>]+>/g, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ");
