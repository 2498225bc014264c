import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./e2e/croft.ts";

/** A real BIND with zones that take signed updates of TXT records. */
export interface Named {
  /** It listens on port 53 there, an address of the loopback of its own. */
  host: string;
  /** Of the one with copies; the same without one. */
  secondHost: string;
  keyName: string;
  /** base64 */
  secret: string;
  /** As dig prints them. */
  texts(name: string): Promise<string[]>;
  /** Makes a record by the same key's updates, such as `_acme-challenge.x CNAME y`. */
  add(record: string): Promise<void>;
  /** Ends the one with copies. */
  stopSecond(): Promise<void>;
  log(): Promise<string>;
  close(): Promise<void>;
}

export interface NamedOptions {
  /** In each zone every name leads to 127.0.0.1. */
  zones: string[];
  /** Zones with nothing in them. */
  emptyZones?: string[];
  /** Another server that has copies of the zones and is one of their servers; it looks for changes so often. */
  secondaryAfterSeconds?: number;
  algorithm?: string;
}

/** BIND listens at addresses that an interface has, so the loopback gets one more. */
const loopback = (): string => {
  const [a, b, c] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${1 + (a! % 250)}.${b}.${1 + (c! % 250)}`;
};

const spawnNamed = async (dir: string, host: string, zones: string): Promise<Bun.Subprocess> => {
  await Bun.write(
    join(dir, "named.conf"),
    `include "${dir}/key.conf";
    options {
      directory "${dir}"; listen-on port 53 { ${host}; }; listen-on-v6 { none; }; pid-file none;
      session-keyfile none; recursion yes; allow-recursion { any; }; dnssec-validation no; minimal-responses yes; notify no;
      query-source address ${host}; transfer-source ${host};
    };
    controls { };
    ${zones}`,
  );
  const log = Bun.file(join(dir, "log"));
  const child = Bun.spawn(["named", "-f", "-g", "-n", "1", "-c", join(dir, "named.conf")], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: log,
  });
  const endMs = performance.now() + 15_000;
  for (;;) {
    const { stdout } = await run([
      "dig",
      `@${host}`,
      "+time=1",
      "+tries=1",
      "+short",
      "version.bind",
      "CH",
      "TXT",
    ]);
    if (stdout.startsWith('"')) return child;
    if (child.exitCode !== null || performance.now() > endMs) {
      child.kill("SIGKILL");
      throw new Error(`named does not answer: ${await log.text()}`);
    }
    await Bun.sleep(50);
  }
};

export const startNamed = async (options: NamedOptions): Promise<Named> => {
  const dir = await mkdtemp(join(tmpdir(), "croft-named-"));
  const [host, second] = [loopback(), loopback()];
  const { algorithm = "hmac-sha256", secondaryAfterSeconds } = options;
  const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
  const key = `key "croft" { algorithm ${algorithm}; secret "${secret}"; };\n`;
  const children: Bun.Subprocess[] = [];
  const hosts = options.secondaryAfterSeconds === undefined ? [host] : [host, second];
  const close = async (): Promise<void> => {
    for (const child of children) {
      child.kill("SIGKILL");
      await child.exited;
    }
    for (const one of hosts) await run(["ip", "address", "delete", `${one}/32`, "dev", "lo"]);
    await rm(dir, { recursive: true, force: true });
  };
  const withSecond = secondaryAfterSeconds !== undefined;
  const primaryZone = async (zone: string): Promise<string> => {
    await Bun.write(
      join(dir, "primary", `${zone}.zone`),
      [
        "$TTL 5",
        `@ IN SOA ns1.${zone}. root.${zone}. 1 ${secondaryAfterSeconds ?? 60} 1 600 1`,
        `@ IN NS ns1.${zone}.`,
        `ns1 IN A ${host}`,
        ...(withSecond ? [`@ IN NS ns2.${zone}.`, `ns2 IN A ${second}`] : []),
        ...(options.emptyZones?.includes(zone) ? [] : ["@ IN A 127.0.0.1", "* IN A 127.0.0.1"]),
        "",
      ].join("\n"),
    );
    return `zone "${zone}" { type master; file "${zone}.zone"; allow-transfer { ${second}; };
      update-policy { grant croft zonesub ANY; }; };`;
  };
  try {
    for (const one of hosts) await run(["ip", "address", "add", `${one}/32`, "dev", "lo"]);
    for (const name of ["primary", "second"]) await Bun.write(join(dir, name, "key.conf"), key);
    await Bun.write(join(dir, "key.conf"), key);
    const zones = await Promise.all([...options.zones, ...(options.emptyZones ?? [])].map(primaryZone));
    children.push(await spawnNamed(join(dir, "primary"), host, zones.join("\n")));
    if (withSecond) {
      const copies = options.zones.map(
        (zone) =>
          `zone "${zone}" { type slave; file "${zone}.copy"; masters { ${host}; };
           min-refresh-time ${secondaryAfterSeconds}; max-refresh-time ${secondaryAfterSeconds}; };`,
      );
      children.push(await spawnNamed(join(dir, "second"), second, copies.join("\n")));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    host,
    secondHost: withSecond ? second : host,
    keyName: "croft",
    secret,
    texts: async (name) =>
      (await run(["dig", `@${host}`, "+short", name, "TXT"])).stdout.split("\n").filter(Boolean),
    add: async (record) => {
      const { exitCode, stderr } = await run(["nsupdate", "-k", join(dir, "key.conf")], {
        input: `server ${host}\nupdate add ${record}\nsend\n`,
      });
      if (exitCode !== 0) throw new Error(stderr);
    },
    stopSecond: async () => {
      children[1]!.kill("SIGKILL");
      await children[1]!.exited;
    },
    log: () => Bun.file(join(dir, "primary", "log")).text(),
    close,
  };
};
