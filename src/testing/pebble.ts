import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real ACME authority for tests, with a name server in which every name leads to 127.0.0.1. */
export interface Pebble {
  directoryUrl: string;
  /** PEM file of the authority that signed its own HTTPS certificate. */
  caFile: string;
  ca: string;
  /** The key of that HTTPS certificate, for what stands in front of it. */
  key: string;
  /** `127.0.0.1:port` of its name server. */
  dnsServer: string;
  /** PEM of the root that it issues under; new with each start. */
  rootCertificate(): Promise<string>;
  /** Sets the A records of a name; none at all for an empty list. */
  setAddresses(name: string, addresses: string[]): Promise<void>;
  /** Ends the authority alone and starts another one that knows no account and no order. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

const freePort = (): number => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
};

const openssl = async (...args: string[]): Promise<void> => {
  const child = Bun.spawn(["openssl", ...args], { stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
};

const answers = async (url: string, ca?: string): Promise<void> => {
  const endMs = performance.now() + 15_000;
  for (;;) {
    const up = await fetch(url, { tls: { ca }, signal: AbortSignal.timeout(1000) }).then(
      () => true,
      () => false,
    );
    if (up) return;
    if (performance.now() > endMs) throw new Error(`${url} does not answer`);
    await Bun.sleep(20);
  }
};

/**
 * @param httpPort where it looks for HTTP-01 challenges
 * @param options.nonceReject percentage of good nonces that it refuses
 */
export const startPebble = async (
  httpPort: number,
  options: {
    nonceReject?: number;
    lifetimeSeconds?: number;
    env?: Record<string, string>;
    /** In place of its own name server: what the authority looks names up at. */
    dnsServer?: string;
    /** Where it looks for TLS-ALPN-01 challenges. */
    tlsPort?: number;
    /** Accounts need one of these keys (base64url) by their ids. */
    externalAccounts?: Record<string, string>;
  } = {},
): Promise<Pebble> => {
  const dir = await mkdtemp(join(tmpdir(), "croft-pebble-"));
  const [port, managementPort, dnsPort, namesPort] = [freePort(), freePort(), freePort(), freePort()];
  const file = (name: string) => join(dir, name);
  await openssl(
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=pebble".split(" "),
    ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", file("key.pem"), "-out", file("ca.pem")],
  );
  await Bun.write(
    file("config.json"),
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: file("ca.pem"),
        privateKey: file("key.pem"),
        httpPort,
        tlsPort: options.tlsPort ?? 1,
        ocspResponderURL: "",
        externalAccountBindingRequired: options.externalAccounts !== undefined,
        externalAccountMACKeys: options.externalAccounts ?? {},
        ...(options.lifetimeSeconds && { certificateValidityPeriod: options.lifetimeSeconds }),
      },
    }),
  );
  const ca = await Bun.file(file("ca.pem")).text();
  const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
  const names = Bun.spawn(
    [
      "pebble-challtestsrv",
      ...["-dns01", `127.0.0.1:${dnsPort}`, "-management", `127.0.0.1:${namesPort}`],
      ...["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""],
    ],
    quiet,
  );
  const dnsServer = options.dnsServer ?? `127.0.0.1:${dnsPort}`;
  const startAuthority = () =>
    Bun.spawn(["pebble", "-config", file("config.json"), "-dnsserver", dnsServer, "-strict"], {
      ...quiet,
      env: {
        PATH: process.env.PATH!,
        PEBBLE_VA_NOSLEEP: "1",
        PEBBLE_WFE_NONCEREJECT: String(options.nonceReject ?? 0),
        ...options.env,
      },
    });
  let authority = startAuthority();
  const end = async (child: Bun.Subprocess): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const directoryUrl = `https://127.0.0.1:${port}/dir`;
  const close = async (): Promise<void> => {
    await Promise.all([end(authority), end(names)]);
    await rm(dir, { recursive: true, force: true });
  };
  const tell = async (path: string, body: object): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${namesPort}/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
  };
  try {
    await answers(directoryUrl, ca);
    await answers(`http://127.0.0.1:${namesPort}/`);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    directoryUrl,
    caFile: file("ca.pem"),
    ca,
    key: await Bun.file(file("key.pem")).text(),
    dnsServer: `127.0.0.1:${dnsPort}`,
    rootCertificate: async () =>
      (await fetch(`https://127.0.0.1:${managementPort}/roots/0`, { tls: { ca } })).text(),
    setAddresses: async (name, addresses) => {
      if (addresses.length > 0) {
        await tell("clear-servfail", { host: name });
        await tell("clear-a", { host: name });
        await tell("add-a", { host: name, addresses });
      } else await tell("set-servfail", { host: name });
    },
    forget: async () => {
      await end(authority);
      authority = startAuthority();
      await answers(directoryUrl, ca);
    },
    close,
  };
};
