import { afterAll, expect, test } from "bun:test";
import { readdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderOf } from "../testing/docker-fixture.ts";
import { keepFiles } from "./kept-files.ts";

const folder = folderOf({ a: "1\n", b: "x".repeat(100) });
afterAll(() => rmSync(folder, { recursive: true }));
const openIn = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return require("node:fs").readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;

test("each reading has what is there now, one larger than the buffer as a whole", () => {
  const files = keepFiles(Buffer.alloc(16));
  const path = join(folder, "a");
  expect(files.read(path)).toBe("1\n");
  writeFileSync(path, "22\n");
  expect(files.read(path)).toBe("22\n");
  expect(files.read(join(folder, "b"))).toBe("x".repeat(100));
  expect(openIn()).toBe(2);
  files.close();
  expect(openIn()).toBe(0);
});

test("what is not there throws, keeps nothing open, and is read once it is there", () => {
  const files = keepFiles(Buffer.alloc(16));
  const path = join(folder, "late");
  expect(() => files.read(path)).toThrow("ENOENT");
  expect(openIn()).toBe(0);
  writeFileSync(path, "here");
  expect(files.read(path)).toBe("here");
  files.close();
  unlinkSync(path);
});
