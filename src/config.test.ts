import { expect, test } from "bun:test";
import { edgeOn, readSettings, siteUrl } from "./config.ts";

const https = (env: Record<string, string>, isRoot: boolean): unknown => readSettings(env, isRoot).https;

test("HTTPS stands beside plain HTTP on its usual port, or where it is put", () => {
  expect(https({}, true)).toEqual({ host: "0.0.0.0", port: 443 });
  expect(https({ CROFT_HTTP: "203.0.113.7:80" }, true)).toEqual({ host: "203.0.113.7", port: 443 });
  expect(https({}, false)).toBeNull();
  expect(https({ CROFT_HTTP: "127.0.0.1:8080" }, true)).toBeNull();
  expect(https({ CROFT_HTTP: "off" }, true)).toBeNull();
  expect(https({ CROFT_HTTPS: "off" }, true)).toBeNull();
  expect(https({ CROFT_HTTPS: "[::]:8443" }, false)).toEqual({ host: "::", port: 8443 });
  expect(() => https({ CROFT_HTTPS: "on" }, true)).toThrow(
    "CROFT_HTTPS: must be an address such as 0.0.0.0:443, or off",
  );
});

test("what is wrong is named once, with what is allowed", () => {
  const refusal = (env: Record<string, string>): string => {
    try {
      readSettings(env, true);
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  expect(refusal({ CROFT_LISTEN: "here" })).toBe("CROFT_LISTEN: must look like 127.0.0.1:7300");
  expect(refusal({ CROFT_HTTP: "here" })).toBe("CROFT_HTTP: must be an address such as 0.0.0.0:80, or off");
  expect(refusal({ CROFT_EDGE_UID: "edge" })).toBe(
    "CROFT_EDGE_UID: must be a user's number between 1 and 65533",
  );
  expect(refusal({ CROFT_EDGE_UID: "0" })).toBe("CROFT_EDGE_UID: must not be root");
});

test("the edge runs when either listener is on", () => {
  const on = (env: Record<string, string>): boolean => edgeOn(readSettings(env, true));
  expect(on({ CROFT_HTTP: "off" })).toBe(false);
  expect(on({ CROFT_HTTP: "off", CROFT_HTTPS: "127.0.0.1:8443" })).toBe(true);
  expect(on({ CROFT_HTTPS: "off" })).toBe(true);
});

test("certificates come from Let's Encrypt unless another directory is named", () => {
  const acme = (directory: string) => readSettings({ CROFT_ACME_DIRECTORY: directory }, true).acme;
  expect(acme("")?.directoryUrl).toBe("https://acme-v02.api.letsencrypt.org/directory");
  expect(acme("staging")?.directoryUrl).toBe("https://acme-staging-v02.api.letsencrypt.org/directory");
  expect(acme("https://ca.example.org/dir")?.directoryUrl).toBe("https://ca.example.org/dir");
  expect(acme("off")).toBeNull();
  expect(() => acme("http://ca.example.org/dir")).toThrow(
    "CROFT_ACME_DIRECTORY: must be the https:// address",
  );
  expect(() => acme("letsencrypt")).toThrow("CROFT_ACME_DIRECTORY");
});

test("trusted proxies are addresses and networks, none by default", () => {
  const trusted = (text?: string) => readSettings({ CROFT_TRUSTED_PROXIES: text }, true).trustedProxies;
  expect(trusted()).toEqual([]);
  expect(trusted("10.0.0.0/8, 2001:db8::1")).toEqual(["10.0.0.0/8", "2001:db8::1"]);
  for (const wrong of ["proxy.example.org", "10.0.0.0/33", "*"])
    expect(() => trusted(wrong)).toThrow("CROFT_TRUSTED_PROXIES: must be addresses or networks");
});

test("the PROXY protocol needs to know from whom", () => {
  const read = (env: Record<string, string>) => readSettings(env, true).proxyProtocol;
  expect(read({})).toBe(false);
  expect(read({ CROFT_PROXY_PROTOCOL: "on", CROFT_TRUSTED_PROXIES: "10.0.0.0/8" })).toBe(true);
  expect(() => read({ CROFT_PROXY_PROTOCOL: "on" })).toThrow("needs CROFT_TRUSTED_PROXIES");
  expect(() => read({ CROFT_PROXY_PROTOCOL: "v2" })).toThrow("CROFT_PROXY_PROTOCOL: must be on or off");
});

test("addresses and name servers are checked", () => {
  expect(readSettings({}, true).publicAddresses).toBeNull();
  const given = readSettings(
    { CROFT_PUBLIC_ADDRESS: "203.0.113.7, 2001:db8::7", CROFT_DNS_SERVERS: "127.0.0.1:5353 2001:db8::53" },
    true,
  );
  expect(given.publicAddresses).toEqual(["203.0.113.7", "2001:db8::7"]);
  expect(given.dnsServers).toEqual(["127.0.0.1:5353", "2001:db8::53"]);
  expect(() => readSettings({ CROFT_PUBLIC_ADDRESS: "example.org" }, true)).toThrow("CROFT_PUBLIC_ADDRESS");
  expect(() => readSettings({ CROFT_DNS_SERVERS: "example.org" }, true)).toThrow("CROFT_DNS_SERVERS");
});

test("a host's address is by HTTPS once it has a certificate", () => {
  const at = (http: string, https: string, secured: boolean) =>
    siteUrl(readSettings({ CROFT_HTTP: http, CROFT_HTTPS: https }, true), "a.example.org", secured);
  expect(at("0.0.0.0:80", "0.0.0.0:443", false)).toBe("http://a.example.org");
  expect(at("0.0.0.0:80", "0.0.0.0:443", true)).toBe("https://a.example.org");
  expect(at("0.0.0.0:8080", "0.0.0.0:8443", true)).toBe("https://a.example.org:8443");
  expect(at("0.0.0.0:8080", "off", true)).toBe("http://a.example.org:8080");
  expect(at("off", "0.0.0.0:8443", false)).toBe("https://a.example.org:8443");
});

test("one edge process unless more are asked for", () => {
  const processes = (text?: string) => readSettings({ CROFT_EDGE_PROCESSES: text }, true).edgeProcesses;
  expect(processes()).toBe(1);
  expect(processes("4")).toBe(4);
  for (const wrong of ["0", "17", "1.5", "many"])
    expect(() => processes(wrong)).toThrow("CROFT_EDGE_PROCESSES");
});
