import type { AcmeSettings } from "../deps.ts";

/** An authority that checks nothing: it says what a real one says once in years. */
export interface OddAuthority {
  acme: AcmeSettings;
  /** Names that orders were asked for. */
  orders: string[];
  /** How often it was asked for anything. */
  asked(): number;
  /** To an order for the name. */
  onOrder: (name: string, origin: string) => Response;
  /** To anything else beside directory, nonces and accounts, by path. */
  onOther: (path: string, origin: string) => Response;
  close(): Promise<void>;
}

export const limited = (detail: string, seconds: number): Response =>
  Response.json(
    { type: "urn:ietf:params:acme:error:rateLimited", detail },
    { status: 429, headers: { "retry-after": String(seconds) } },
  );

const nameOf = (body: string): string => {
  const { payload } = JSON.parse(body) as { payload: string };
  const { identifiers } = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as {
    identifiers: { value: string }[];
  };
  return identifiers[0]!.value;
};

export const startOddAuthority = (): OddAuthority => {
  let asked = 0;
  const answer = async (request: Request): Promise<Response> => {
    const { origin, pathname } = new URL(request.url);
    asked++;
    if (pathname === "/dir")
      return Response.json({ newNonce: `${origin}/n`, newAccount: `${origin}/a`, newOrder: `${origin}/o` });
    if (pathname === "/n") return new Response(null);
    if (pathname === "/a")
      return Response.json({ status: "valid" }, { status: 201, headers: { location: `${origin}/a/1` } });
    if (pathname !== "/o") return authority.onOther(pathname, origin);
    const name = nameOf(await request.text());
    authority.orders.push(name);
    return authority.onOrder(name, origin);
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const response = await answer(request);
      response.headers.set("replay-nonce", crypto.randomUUID().replaceAll("-", ""));
      return response;
    },
  });
  const authority: OddAuthority = {
    acme: {
      directoryUrl: `http://127.0.0.1:${server.port}/dir`,
      email: null,
      ca: null,
      externalAccount: null,
    },
    orders: [],
    asked: () => asked,
    onOrder: () => new Response(null, { status: 500 }),
    onOther: () => new Response(null, { status: 404 }),
    close: () => server.stop(true),
  };
  return authority;
};
