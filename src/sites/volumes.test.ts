import { expect, test } from "bun:test";
import { addVolumeSchema } from "./volumes.ts";

test("a mount path is one plain absolute folder, and no system folder however it is written", () => {
  const accepts = (mountPath: string) => addVolumeSchema.safeParse({ name: "data", mountPath }).success;
  for (const path of ["/data", "/var/lib/app", "/srv/.cache", "/app/...", "/etcetera", "/home/app/a-b_c"])
    expect(accepts(path), path).toBe(true);
  for (const path of ["/", "data", "/data/", "/a//b", "/a b", "/a:ro", "/a,b", "/$HOME", "/a\nb"])
    expect(accepts(path), path).toBe(false);
  for (const path of ["/..", "/a/../etc", "/a/..", "/.", "/./etc", "/data/.", "/tmp/.", "/./"])
    expect(accepts(path), path).toBe(false);
  for (const path of ["/etc", "/etc/app", "/proc", "/sys/fs", "/dev/shm", "/usr/lib", "/run", "/tmp"])
    expect(accepts(path), path).toBe(false);
});
