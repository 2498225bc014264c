import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OutputReader } from "../domain/app-log.ts";
import { dockerHost } from "../testing/docker-fixture.ts";
import { createContainerOutputs } from "./container-outputs.ts";
import { openJsonFile } from "./json-file-reader.ts";

let dir: string;
let path: string;
let clock = 0;
const open: OutputReader[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-json-file-"));
  path = join(dir, "abc-json.log");
  clock = 0;
});
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close();
  rmSync(dir, { recursive: true, force: true });
});

/** As Docker writes it: nanoseconds with the zeros at their end left out. */
const entry = (log: string, stream = "stdout"): string =>
  `${JSON.stringify({ log, stream, time: `2026-11-20T15:43:23.${String(++clock).padStart(6, "0").replace(/0+$/, "")}Z` })}\n`;
const print = (...texts: string[]) => appendFileSync(path, texts.map((text) => entry(`${text}\n`)).join(""));
/** As Docker rotates: the oldest of three goes, the others take the next number. */
const rotate = () => {
  for (const n of [2, 1]) {
    const from = n === 1 ? path : `${path}.${n - 1}`;
    if (readdirSync(dir).includes(from.slice(dir.length + 1))) renameSync(from, `${path}.${n}`);
  }
  writeFileSync(path, "");
};
const reader = async (position: string | null = null) => {
  const made = (await openJsonFile(path, position))!;
  open.push(made);
  return made;
};
const all = async (one: OutputReader): Promise<string[]> => {
  const texts: string[] = [];
  for (;;) {
    const { lines, more } = await one.read(1000);
    texts.push(...lines.map((line) => line.text));
    if (!more && !one.changed()) return texts;
  }
};

describe("a container's log file", () => {
  test("is not there before the container starts", async () => {
    expect(await openJsonFile(path, null)).toBeNull();
  });

  test("is read on through rotations, and from a position after a restart", async () => {
    print("1", "2");
    const one = await reader();
    expect(one.changed()).toBeTrue();
    expect(await all(one)).toEqual(["1", "2"]);
    expect(one.changed()).toBeFalse();
    print("3");
    rotate();
    print("4");
    const early = one.position();
    expect(await all(one)).toEqual(["3", "4"]);
    rotate();
    print("5");
    rotate();
    print("6");
    expect(await all(one)).toEqual(["5", "6"]);
    expect(one.takeLost()).toBeFalse();
    expect(await all(await reader(one.position()))).toEqual([]);
    // The file of this position has gone meanwhile: what is left is told by the times.
    const late = await reader(early);
    expect(await all(late)).toEqual(["4", "5", "6"]);
    expect(late.takeLost()).toBeTrue();
    print("7");
    expect(await all(await reader(one.position()))).toEqual(["7"]);
  });

  test("each line has the position behind it", async () => {
    print("1", "2", "3");
    const { lines } = await (await reader()).read(1_000_000);
    expect(await all(await reader(lines[0]!.position()))).toEqual(["2", "3"]);
    expect(await all(await reader(lines[2]!.position()))).toEqual([]);
  });

  test("another file with the same inode is not taken for it", async () => {
    print("1", "2");
    const one = await reader();
    await all(one);
    const position = one.position();
    // Times of the new content differ, as they do when an inode is given to another file.
    writeFileSync(path, entry("later 1\n") + entry("later 2\n"));
    expect(await all(await reader(position))).toEqual(["later 1", "later 2"]);
  });

  test("of a line longer than Docker's buffer the first piece is given, also over a restart in its middle", async () => {
    const piece = "x".repeat(16 * 1024);
    appendFileSync(path, entry(piece));
    const one = await reader();
    const first = await one.read(1000);
    expect(first.lines.map(({ text, cut }) => [text.length, cut])).toEqual([[16 * 1024, true]]);
    const position = one.position();
    appendFileSync(path, entry("err\n", "stderr") + entry(piece) + entry("end of it\n") + entry("next\n"));
    expect(await all(await reader(position))).toEqual(["err", "next"]);
  });

  test("a last line without an end is a line, and what no engine writes is passed over", async () => {
    appendFileSync(path, entry("prompt> ") + "garbage\n{}\n" + entry("after\r\n"));
    appendFileSync(path, `${"y".repeat(300_000)}\n`);
    print("still there");
    expect(await all(await reader())).toEqual(["prompt> ", "after", "still there"]);
  });

  test("passing over counts lines, keeps the newest and goes through rotations", async () => {
    const text = "z".repeat(900);
    for (let file = 0; file < 3; file++) {
      if (file > 0) rotate();
      print(...Array.from({ length: 1000 }, (_, i) => `${file}-${i} ${text}`));
    }
    const flooded = await reader();
    const dropped = await flooded.skip(50_000);
    const rest = await all(flooded);
    expect(dropped + rest.length).toBe(3000);
    expect(rest.length).toBeGreaterThan(40);
    expect(rest.length).toBeLessThan(400);
    expect(rest.at(-1)).toStartWith("2-999 ");
  });

  test("what was printed before its removal can still be read", async () => {
    print("1");
    const one = await reader();
    print("last words");
    rmSync(path);
    expect(one.changed()).toBeTrue();
    expect(await all(one)).toEqual(["1", "last words"]);
    expect(one.changed()).toBeFalse();
  });
});

/** Another process, as Docker is: writes lines and rotates, and keeps all files, so that nothing can be gone. */
const writer = `
  const fs = require("node:fs");
  const path = process.argv[1];
  let line = 0;
  for (let files = 1; files < 60; files++) {
    for (let n = Math.random() * 30; n > 0; n--) {
      const log = "line " + ++line + "\\n";
      const time = new Date(Date.UTC(2026, 0, 1) + line).toISOString();
      fs.appendFileSync(path, JSON.stringify({ log, stream: "stdout", time }) + "\\n");
    }
    for (let n = files; n > 0; n--) fs.renameSync(n === 1 ? path : path + "." + (n - 1), path + "." + n);
    fs.writeFileSync(path, "");
    if (Math.random() < 0.3) Bun.sleepSync(1);
  }
  console.log(line);
`;

test("nothing is passed by while files are written and renamed under the reader's hands", async () => {
  writeFileSync(path, "");
  let reading = await reader();
  const script = join(dir, "writer.js");
  writeFileSync(script, writer.replace("process.argv[1]", "process.argv[2]"));
  const child = Bun.spawn([process.execPath, script, path], { stdout: "pipe" });
  const got: string[] = [];
  while (child.exitCode === null || reading.changed()) {
    got.push(...(await reading.read(500)).lines.map((line) => line.text));
    // Another life now and then.
    if (Math.random() < 0.05) reading = await reader(reading.position());
    await Bun.sleep(0);
  }
  const written = Number(await new Response(child.stdout).text());
  expect(written).toBeGreaterThan(100);
  expect(got).toEqual(Array.from({ length: written }, (_, n) => `line ${n + 1}`));
}, 30_000);

test("an engine on another machine has no files here, and a container's id is no path", async () => {
  expect(await createContainerOutputs("tcp://192.0.2.1:2375").readable()).toBeFalse();
  const outputs = createContainerOutputs(dockerHost);
  expect(await outputs.readable()).toBeTrue();
  for (const id of ["../../../etc/passwd", "", "a".repeat(64)])
    expect(await outputs.open(id, null)).toBeNull();
  expect(await outputs.containerOf("rep_of_nobody")).toBeNull();
});
