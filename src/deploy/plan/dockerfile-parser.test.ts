import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { NetworkRef } from "../../domain/engine.ts";
import { newId } from "../../domain/id.ts";
import { GB } from "../../domain/size.ts";
import { dockerFixture, type DockerFixture } from "../../testing/docker-fixture.ts";
import { parseDockerfile } from "./dockerfile-parser.ts";
import { sourceFolders } from "./testing/source-folders.ts";

describe("parseDockerfile", () => {
  test("joins lines, takes flags off and keeps line numbers", () => {
    expect(
      parseDockerfile(
        "\ufeff# c\r\n\r\nFROM a:1\r\nRUN --mount=type=tmpfs --x a \\\r\n # c\r\n\r\n b -- c\r\n\tCMD x",
      ),
    ).toEqual([
      { line: 3, keyword: "from", flags: [], rest: "a:1" },
      {
        line: 4,
        keyword: "run",
        flags: [
          { name: "mount", value: "type=tmpfs" },
          { name: "x", value: "" },
        ],
        rest: "a  b -- c",
      },
      { line: 8, keyword: "cmd", flags: [], rest: "x" },
    ]);
  });

  test("reads a file of 250 KB on one line in no time, however it nests", () => {
    const words = `FROM a:1\nRUN ${"a\\ ".repeat(60_000)}`;
    expect(parseDockerfile(words)).toHaveLength(2);
    expect(parseDockerfile(`FROM a:1\nRUN a ${"\\\n".repeat(100_000)} b`)).toHaveLength(2);
  });
});

describe("reads the same instructions as the real builder", () => {
  const folders = sourceFolders();
  const tags: string[] = [];
  let docker: DockerFixture;
  let network: NetworkRef;
  beforeAll(async () => {
    docker = await dockerFixture();
    network = await docker.network();
  }, 60_000);
  afterAll(async () => {
    await docker.cleanup();
    for (const tag of tags) await docker.engine.removeImage(tag);
    folders.removeAll();
  }, 60_000);

  for (const [what, body] of [
    ["comments inside a continuation", "LABEL a=1 \\\n  # b=2\n#\n  c=3\nLABEL d=4"],
    ["a comment that ends in a backslash", "LABEL a=1\n# b \\\nLABEL c=3"],
    ["empty lines inside a continuation", "LABEL a=1 \\\n\n  \n b=2\nLABEL c=3"],
    ["blanks behind the backslash", "LABEL a=1 \\ \t\n b=2\nLABEL c=3"],
    ["a lone backslash", "\\\nLABEL a=1\nLABEL b=2 \\\n\\\n c=3\nLABEL d=4"],
    ["a lone backslash before a comment", "\\\n# x\nLABEL a=1"],
    ["a word in two lines", "LAB\\\nEL a=1\nLABEL b=2"],
    ["a continuation at the end of the file", "LABEL a=1\nLABEL b=2 \\"],
    ["CRLF", "LABEL a=1 \\\r\n b=2\r\nLABEL c=3\r\n"],
    ["tabs and lower case", "\tlabel\ta=1\n  LaBeL b=2"],
    ["a directive too late", "LABEL a=1\n# escape=`\nLABEL b=2 \\\n c=3"],
    ["a hash that is no comment", "LABEL a=1 # b=2 \\\n c=3\nLABEL d=4".replace("# b", "#b")],
    ["a quote over two lines", 'LABEL a="1 \\\n# b\n2"\nLABEL c=3'],
  ] as const)
    test(
      what,
      async () => {
        const text = `FROM scratch\n${body}\n`;
        const tag = `croft-test/parser:${newId("dep").slice(4)}`;
        tags.push(tag);
        const steps: string[] = [];
        await docker.engine.build({
          contextDir: folders.make({ Dockerfile: text }),
          dockerfile: { path: "Dockerfile" },
          tag,
          owner: docker.owner,
          limits: { memoryBytes: 1 * GB, cpuMillicores: 1000, pids: 64 },
          network,
          onLog: (line) => steps.push(...(/^Step \d+\/\d+ : (.*)$/.exec(line)?.slice(1) ?? [])),
          signal: AbortSignal.timeout(60_000),
        });
        const squeeze = (step: string) => step.replace(/\s+/g, " ").trim().toLowerCase();
        expect(steps.filter((step) => !step.startsWith("LABEL croft.")).map(squeeze)).toEqual(
          parseDockerfile(text).map(({ keyword, rest }) => squeeze(`${keyword.toUpperCase()} ${rest}`)),
        );
      },
      90_000,
    );
});
