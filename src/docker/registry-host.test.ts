import { expect, test } from "bun:test";
import { assertPublicRegistry, registryOf, withoutBody } from "./registry-host.ts";

test("the registry is what Docker takes for one", () => {
  for (const reference of ["nginx", "nginx:1.27", "library/nginx", "team/app:1", "docker.io/team/app"])
    expect(registryOf(reference), reference).toBeNull();
  expect(registryOf("ghcr.io/team/app:2")).toBe("ghcr.io");
  expect(registryOf("localhost/app")).toBe("localhost");
  expect(registryOf("Intranet/app")).toBe("intranet");
  expect(registryOf("10.0.0.5:5000/app@sha256:0")).toBe("10.0.0.5:5000");
});

test("registries inside the host's own network are not asked, by address or by name", async () => {
  const lookup = async (host: string) =>
    host === "split.example.org"
      ? [{ address: "93.184.216.34" }, { address: "127.0.0.1" }]
      : [{ address: host.endsWith(".example.org") ? "93.184.216.34" : "10.1.2.3" }];
  const ask = (reference: string, allow: string[] = []) => assertPublicRegistry(reference, allow, lookup);
  for (const reference of [
    "127.0.0.1:5000/app",
    "127.1/app",
    "169.254.169.254/latest/meta-data",
    "localhost:5000/app",
    "intranet.corp/app",
    "split.example.org/app",
  ])
    await expect(ask(reference), reference).rejects.toThrow("not a public address");
  await ask("registry.example.org/team/app:2");
  await ask("nginx:1.27");
  await ask("localhost:5000/app", ["localhost:5000"]);
  await ask("intranet.corp./app", ["intranet.corp"]);
  await expect(ask("localhost:5001/app", ["localhost:5000"])).rejects.toThrow("not a public address");
});

test("a registry that is not found is told from one that is not allowed", async () => {
  const lookup = () => Promise.reject(new Error("ENOTFOUND"));
  await expect(assertPublicRegistry("nowhere.example/app", [], lookup)).rejects.toThrow("was not found");
});

test("what an internal service answered is not shown", () => {
  const message = "error parsing HTTP 403 response body: invalid character '<': \"<html>\nsecret</html>\"";
  expect(withoutBody(message)).toBe("error parsing HTTP 403 response body (no registry)");
  expect(withoutBody("manifest unknown")).toBe("manifest unknown");
});
