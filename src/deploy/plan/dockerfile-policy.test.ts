import { describe, expect, test } from "bun:test";
import { AppError } from "../../errors.ts";
import { checkBaseImage, checkDockerfile } from "./dockerfile-policy.ts";

const messageOf = (text: string): string => {
  try {
    checkDockerfile(text);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("deploy_failed");
    return (error as AppError).message;
  }
  throw new Error(`it was accepted: ${text}`);
};

describe("what a Dockerfile may reach", () => {
  test("images from outside are listed once, stages and scratch are not", () => {
    const facts = checkDockerfile(`# syntax=docker/dockerfile:1
ARG VERSION=22-bookworm-slim
ARG IMAGE="node:\${VERSION}"
from --platform=linux/amd64 $IMAGE as Build
WORKDIR /app
COPY . .
RUN npm ci && \\
    # a comment, and an empty line

    npm run build
FROM build AS second
COPY --from=BUILD /app /app
COPY --from=0 --chown=1:1 ["/app", "/other app"]
COPY --from=nginx:1.27 /etc/nginx /etc/nginx
RUN --mount=type=bind,from=alpine/git,target=/x --mount=type=cache,target=/y true
FROM registry.example.org:5000/team/app@sha256:${"a".repeat(64)}
FROM scratch
ADD rootfs.tar.gz /
COPY --from=second /app /app
EXPOSE 8080 9000/udp 3000-3002/tcp $PORT
CMD ["/app/run", "\\n"]`);
    expect(facts.externalImages).toEqual([
      "node:22-bookworm-slim",
      "nginx:1.27",
      "alpine/git",
      `registry.example.org:5000/team/app@sha256:${"a".repeat(64)}`,
    ]);
    expect(facts.exposedPorts).toEqual([8080, 3000, 3001, 3002]);
  });

  test("only the last stage's ports count, with those of the stage it starts from", () => {
    const text = "FROM a:1 AS one\nEXPOSE 1\nFROM b:1\nEXPOSE 2\nFROM one\nEXPOSE 3";
    expect(checkDockerfile(text).exposedPorts).toEqual([1, 3]);
  });

  for (const [expression, image] of [
    ["$A", "node:22"],
    ["${A}", "node:22"],
    ["${B:-alpine:3}", "alpine:3"],
    ["${A:-alpine:3}", "node:22"],
    ["${A:+debian}:12", "debian:12"],
    ["registry.example.org/$NAME:${C}", "registry.example.org/app:$x".replace("$x", "9")],
    ['"node:22"', "node:22"],
  ] as const)
    test(`FROM ${expression}`, () => {
      const text = `ARG A=node:22 NAME='app'\nARG B\nARG C=9\nFROM ${expression}`;
      expect(checkDockerfile(text).externalImages).toEqual([image]);
    });
});

describe("refused, with the line", () => {
  const hex = "0123456789abcdef";
  for (const [what, text, line, words] of [
    ["an id", `FROM ${hex.repeat(4)}`, 1, "image id"],
    ["a short id", "FROM node:22\n\nCOPY --from=3f /a /b", 3, "image id"],
    ["a one-digit id", "FROM a:1 AS a\nCOPY --from=9 / /", 2, "image id"],
    ["an id by a stage index that does not exist yet", "FROM a:1\nCOPY --from=0 / /", 2, "image id"],
    ["an index written another way", "FROM a:1\nFROM b:1\nCOPY --from=00 / /", 3, "image id"],
    ["a bare digest", `FROM sha256:${hex.repeat(4)}`, 1, "digest"],
    ["a shortened digest", "FROM sha256:3f", 1, "digest"],
    ["a digest after @", `FROM @sha256:${hex.repeat(4)}`, 1, "not an image name"],
    ["an id through ARG", "ARG X=3f\nFROM $X", 2, "image id"],
    ["an id through a default", "ARG X\nFROM ${X:-3f}", 2, "image id"],
    ["an id through an alternative", "ARG X=1\nFROM ${X:+3f}", 2, "image id"],
    ["an id from a mount", "FROM a:1\nRUN --mount=type=bind,from=3f,target=/x ls", 2, "image id"],
    ["Croft's images", "FROM croft/other:dep_1", 1, "namespace"],
    ["Croft's images with a registry", "FROM docker.io/croft/other", 1, "namespace"],
    ["Croft's images in library", "FROM index.docker.io/library/croft-rootfs:1", 1, "namespace"],
    ["Croft's images by COPY", "FROM a:1\nCOPY --from=croft/x / /", 2, "namespace"],
    ["a stage that comes later", "FROM a:1\nCOPY --from=croft-x / /\nFROM b:1 AS croft-x", 2, "namespace"],
    ["its own stage", "FROM a:1 AS croft-x\nCOPY --from=croft-x / /", 2, "namespace"],
    ["an argument without default", "ARG X\nFROM $X", 2, "$X has no value"],
    ["an unknown argument", "FROM node:$X", 1, "$X has no value"],
    ["an argument of a stage", "FROM a:1\nARG X=b:1\nFROM $X", 3, "$X has no value"],
    ["an argument given twice", "ARG X=a:1\nARG X\nFROM ${X:-3f}", 2, "twice"],
    ["an operator that is not known", "ARG X=a:1\nFROM ${X%:1}", 2, "not supported"],
    ["a nested expression", "ARG X=a:1\nFROM ${Y:-${X}}", 2, "not supported"],
    ["an escaped dollar", "ARG X=a:1\nFROM \\$X", 2, "quotes and backslashes"],
    ["a name that ends empty", "ARG X=\nFROM $X", 2, "no image name"],
    ["a variable in COPY --from", "FROM a:1\nARG X=0\nCOPY --from=$X / /", 3, "without variables"],
    ["a variable in a mount", "FROM a:1\nRUN --mount=from=$X,target=/x ls", 2, "without variables"],
    ["an address", "FROM a:1\nADD http://127.0.0.1:2375/ /x", 2, "addresses"],
    ["an address in capitals", "FROM a:1\nadd HTTPS://example.org/ /x", 2, "addresses"],
    ["an address in second place", "FROM a:1\nADD a.txt https://example.org/b /x/", 2, "addresses"],
    ["an address after flags", "FROM a:1\nADD --chown=1:1 http://[::1]/ /x", 2, "addresses"],
    ["an address in JSON", 'FROM a:1\nADD ["http\\u003a//127.0.0.1/", "/x"]', 2, "addresses"],
    ["an address after a continuation", "FROM a:1\nADD \\\n  http://x/ \\\n  /x", 2, "addresses"],
    ["an address in pieces", "FROM a:1\nADD http:\\\n//127.0.0.1/ /x", 2, "addresses"],
    ["an address in quotes", 'FROM a:1\nADD htt"p:/"/127.0.0.1/ /x', 2, "quotes"],
    ["an address by variables", "FROM a:1\nENV X=http://x/\nADD $X /x", 3, "variables"],
    ["git", "FROM a:1\nADD git@github.com:a/b.git /x", 2, "addresses"],
    ["JSON with something behind it", 'FROM a:1\nADD ["a", "/x"] b', 2, "JSON"],
    ["JSON of something else", 'FROM a:1\nADD ["a", 1] b', 2, "JSON"],
    ["ONBUILD", "FROM a:1 AS b\nONBUILD ADD http://x/ /\nFROM b", 2, "ONBUILD"],
    ["Croft's labels", 'FROM a:1\nLABEL x=1 "croft.site"=other', 2, "croft."],
    ["a here-document", "FROM a:1\nRUN <<EOF\necho\nEOF", 2, "here-documents"],
    ["a here-document with an odd end", "FROM a:1\nCOPY <<# /x\n", 2, "here-documents"],
    ["privileges for RUN", "FROM a:1\nRUN --security=insecure ls", 2, "not allowed"],
    ["the host's network for RUN", "FROM a:1\nRUN --network=host ls", 2, "not allowed"],
    ["a flag in quotes", 'FROM a:1\nCOPY --"from"=3f / /', 2, "plain ASCII"],
    ["a flag with a backslash", "FROM a:1\nCOPY --fr\\om=3f / /", 2, "plain ASCII"],
    [
      "a flag behind bytes that the builder takes for a blank",
      "FROM a:1\nCOPY --chown=à--from=3f / /",
      2,
      "plain ASCII",
    ],
    ["a no-break space", "FROM a:1\nRUN a \\\n\u00a0# x\nFROM b:1", 3, "blank"],
    ["a control character", "FROM a:1\nRUN a\x0bb", 2, "control character"],
    ["a lone carriage return", "FROM a:1\rFROM 3f\r\n", 1, "control character"],
    ["two backslashes at the end", "FROM a:1\nRUN a \\\\\nFROM 3f", 2, "two backslashes"],
    ["another escape character", "# escape=`\nFROM a:1", 1, "escape"],
    [
      "another escape character, later",
      "# syntax=docker/dockerfile:1\n\n# Escape = `\nFROM a:1",
      3,
      "escape",
    ],
    ["another frontend", "# syntax=evil/frontend\nFROM a:1", 1, "syntax"],
    ["an unknown instruction", "FROM a:1\nINSTALL x", 2, "not an instruction"],
    ["an instruction before FROM", "ENV A=1\nFROM a:1", 1, "before the first FROM"],
    ["a FROM with too many words", "FROM a:1 # base", 1, "FROM must be"],
    ["a bad stage name", "FROM a:1 AS 9", 1, "not a stage name"],
    ["a FROM in parts", "FR\\\nOM 3f", 1, "image id"],
    ["nothing", "", 1, "no FROM"],
  ] as const)
    test(what, () => {
      const message = messageOf(text);
      expect(message).toStartWith(`Dockerfile, line ${line}: `);
      expect(message).toContain(words);
    });

  test("bytes that are no UTF-8, and a file of any size", () => {
    expect(messageOf("FROM a:1\nCOPY \ufffd--from=3f / /")).toContain("UTF-8");
    expect(messageOf(`FROM a:1\n${"#".repeat(300_000)}`)).toContain("larger than 256 KB");
  });
});

describe("base images", () => {
  const facts = { repoTags: ["node:22"], repoDigests: [] as string[], labels: {}, onBuild: [] as string[] };

  test("are known by the very name", () => {
    checkBaseImage(facts, "node:22");
    checkBaseImage(facts, "docker.io/library/node:22");
    checkBaseImage({ ...facts, repoTags: ["oven/bun:latest"] }, "oven/bun");
    const digest = `sha256:${"a".repeat(64)}`;
    checkBaseImage({ ...facts, repoDigests: [`node@${digest}`] }, `node:22@${digest}`);
    expect(() => checkBaseImage(facts, "node:2")).toThrow("no image on this server has that name");
    expect(() => checkBaseImage(facts, "node")).toThrow("no image on this server has that name");
    expect(() => checkBaseImage({ ...facts, repoTags: [] }, "deb:1")).toThrow("no image on this server");
  });

  test("ids and Croft's own names are refused even when an image has them as a tag", () => {
    expect(() => checkBaseImage({ ...facts, repoTags: ["3f:latest"] }, "3f")).toThrow("image id");
    expect(() => checkBaseImage({ ...facts, repoTags: ["croft/a:1"] }, "croft/a:1")).toThrow("namespace");
  });

  test("those that Croft built for a site are refused", () => {
    expect(() => checkBaseImage({ ...facts, labels: { "croft.site": "a" } }, "node:22")).toThrow(
      "belongs to a site",
    );
    expect(() => checkBaseImage({ ...facts, labels: { "croft.managed": "true" } }, "node:22")).toThrow(
      "belongs",
    );
    checkBaseImage({ ...facts, labels: { "croft.stand-in": "true" } }, "node:22");
  });

  test("triggers may copy and run, and nothing that reaches out", () => {
    checkBaseImage({ ...facts, onBuild: ["COPY . /app", "RUN npm install", "ADD x.tar /"] }, "node:22");
    for (const trigger of [
      "ADD http://127.0.0.1/ /x",
      "ADD $X /x",
      "COPY --from=3f / /",
      "COPY --from=0 / /",
      "RUN --mount=from=node:20,target=/x ls",
      "FROM node:20",
      "RUN a\nFROM 3f",
      "ONBUILD RUN a",
    ])
      expect(() => checkBaseImage({ ...facts, onBuild: ["RUN a", trigger] }, "node:22"), trigger).toThrow(
        "ONBUILD",
      );
  });
});

test("a Dockerfile declares some volumes, not thousands that the engine would make for every step", () => {
  const volumes = (count: number) => Array.from({ length: count }, (_, i) => `/v${i}`);
  const text = (count: number) => `FROM node:22\nVOLUME ${volumes(count).join(" ")}\n`;
  expect(checkDockerfile(text(32)).externalImages).toEqual(["node:22"]);
  expect(() => checkDockerfile(text(33))).toThrow("line 2: more than 32 volumes");
  const many = `FROM node:22\n${volumes(33)
    .map((path) => `VOLUME ["${path}"]\n`)
    .join("")}`;
  expect(() => checkDockerfile(many)).toThrow("more than 32 volumes");
});
