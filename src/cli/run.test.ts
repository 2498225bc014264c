import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { accountPath, readAccount, writeAccount } from "./account-file.ts";
import { optionsOf } from "./command-entry.ts";
import { commands } from "./commands.ts";
import { type Answer, type FakeCroft, fakeCroft, problem } from "./testing/fake-croft.ts";

let croft: FakeCroft;
let answers: Record<string, Answer>;
beforeEach(async () => {
  answers = {};
  croft = await fakeCroft(answers);
});
afterEach(() => croft.close());

describe("wrong usage ends with 2 and says what is right", () => {
  test.each([
    [[], "Usage: croft COMMAND"],
    [["brew"], 'no command "brew"'],
    [["site"], "croft site limits SLUG"],
    [["site", "frobnicate"], 'no command "frobnicate"'],
    [["site", "frobnicate", "--help"], 'no command "frobnicate"'],
    [["serve", "--port", "80"], "--port"],
    [["serve", "now"], 'unexpected "now"'],
    [["site", "show"], "something is missing\nUsage: croft site show SLUG"],
    [["site", "show", "a", "b"], 'unexpected "b"'],
    [["site", "show", "a", "--colour"], "--colour"],
    [["site", "limits", "a", "--memory", "-1"], "--memory"],
    [["site", "limits", "a", "--memory=-1"], "a size such as 128m"],
    [["site", "limits", "a", "--memory", "lots"], "a size such as 128m"],
    [["site", "limits", "a", "--cpu", "half"], "a number of cores"],
    [["site", "limits", "a", "--cpu", "1e3"], "a number of cores"],
    [["site", "limits", "a", "--pids", "1.5"], "a whole number"],
    [["site", "create", "a", "--port", "http"], "a whole number"],
    [["site", "create", "a", "--health", "ping"], "http or tcp"],
    [["site", "change", "a"], "nothing to change"],
    [["site", "delete", "a"], "--confirm a"],
    [["site", "delete", "a", "--confirm", "b"], "--confirm a"],
    [["deploy", "a", "--dir", ".", "--commit", "abc"], "exclude one another"],
    [["deploy", "a", "--wait=forever"], "success or watch"],
    [["logs", "a", "-f", "--json"], "--follow"],
    [["env", "set", "a", "KEY"], "KEY=VALUE"],
    [["env", "set", "a", "=x"], "KEY=VALUE"],
    [["usage", "a", "--from", "yesterday"], "2026-01-31T12:00:00Z"],
    [["key", "create", "ci"], "--scope is needed"],
    [["user", "create", "bob"], "--email is needed"],
    [["completion", "tcsh"], "tcsh"],
    [["plan", "--type", "php"], "auto, static"],
  ])("%p", async (argv, message) => {
    const { exitCode, out, err } = await croft.run(argv as string[]);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toContain(message as string);
    expect(croft.seen).toEqual([]);
  });

  test("an address that is none", async () => {
    const { exitCode, err } = await croft.run(["site", "list"], { env: { CROFT_URL: "ftp://x" } });
    expect(exitCode).toBe(2);
    expect(err).toContain("CROFT_URL must be");
  });
});

describe("help", () => {
  test("lists every command, explains each, and reaches no daemon", async () => {
    const { out, exitCode } = await croft.run(["help"]);
    expect(exitCode).toBe(0);
    for (const { name } of commands) {
      expect(out).toContain(name);
      const one = await croft.run([...name.split(" "), "--help"]);
      expect(one).toMatchObject({ exitCode: 0, err: "" });
      expect(one.out).toContain(`croft ${name}`);
      expect((await croft.run(["help", ...name.split(" ")])).out).toBe(one.out);
    }
    expect(croft.seen).toEqual([]);
  });

  test("gives each option a line of its own with a sentence, and says what follows it", async () => {
    for (const entry of commands) {
      const { options } = await entry.load();
      const { out } = await croft.run(["help", ...entry.name.split(" ")]);
      expect(out.split("\n")[0]!.length).toBeLessThan(110);
      const named = optionsOf(entry).filter((option) => option !== "--help" && option !== "--json");
      const lines = out.split("\n").filter((line) => /^  -/.test(line));
      expect(lines).toHaveLength(named.length);
      named.forEach((option, at) => {
        const line = lines[at]!;
        const sentence = / {2}([A-Z].*\.)$/.exec(line.slice(2));
        expect(sentence?.[1], `${entry.name} ${line}`).toBeDefined();
        const shown = line.slice(2, 2 + sentence!.index).trimEnd();
        expect(shown).toContain(option);
        const takesValue = options[option.slice(2).replace(/^no-/, "")]?.type === "string";
        expect(/ |=/.test(shown), shown).toBe(takesValue);
      });
    }
    const wrong = await croft.run(["site", "rules", "blog", "--nope"]);
    expect(wrong.err).toContain("Usage: croft site rules SLUG [OPTION …]\ncroft help site rules lists");
  });

  test("names the options that commands take, no more and no less", async () => {
    for (const entry of commands) {
      const taken = Object.keys((await entry.load()).options);
      const named = optionsOf(entry)
        .map((option) => option.slice(2))
        .filter((option) => option !== "json" && option !== "help");
      const known = named.map((option) => option.replace(/^no-/, ""));
      expect({ name: entry.name, options: [...new Set(known)].sort() }).toEqual({
        name: entry.name,
        options: taken.sort(),
      });
    }
  });
});

describe("what the server refuses ends with 1", () => {
  test("in its own words, field by field; with --json as the one document", async () => {
    answers["PUT /sites/blog/limits"] = () =>
      problem(422, "invalid_input", "memoryBytes: must be between 16 MB and 1 TB", [
        { path: "memoryBytes", message: "must be between 16 MB and 1 TB" },
      ]);
    const plain = await croft.run(["site", "limits", "blog", "--memory", "1"]);
    expect(plain).toMatchObject({ exitCode: 1, out: "" });
    expect(plain.err).toBe("croft: memoryBytes: must be between 16 MB and 1 TB\n");
    const json = await croft.run(["site", "limits", "blog", "--memory", "1", "--json"]);
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.out)).toMatchObject({
      error: { code: "invalid_input", errors: [{ path: "memoryBytes" }] },
    });
  });

  test("nobody there", async () => {
    const { exitCode, err } = await croft.run(["site", "list"], { env: { CROFT_URL: "http://127.0.0.1:1" } });
    expect(exitCode).toBe(1);
    expect(err).toContain("cannot reach Croft at http://127.0.0.1:1");
  });

  test("something else there", async () => {
    answers["GET /sites"] = () => new Response("<h1>It works!</h1>", { status: 502 });
    const { exitCode, err } = await croft.run(["site", "list"]);
    expect(exitCode).toBe(1);
    expect(err).toContain("not as Croft does");
  });

  test("signed in or not, it says what to do", async () => {
    answers["GET /sites"] = () => problem(401, "unauthenticated", "the API key is wrong, expired or revoked");
    expect((await croft.run(["site", "list"])).err).toContain("wrong, expired or revoked");
    expect((await croft.run(["site", "list"], { env: { CROFT_TOKEN: "" } })).err).toContain("croft login");
  });

  test("Ctrl-C ends with 130", async () => {
    const stop = new AbortController();
    answers["GET /sites"] = async () => {
      stop.abort(new DOMException("stopped", "AbortError"));
      await Bun.sleep(1000);
      return { items: [] };
    };
    expect((await croft.run(["site", "list"], { signal: stop.signal })).exitCode).toBe(130);
  });
});

describe("as whom", () => {
  beforeEach(() => {
    answers["GET /sites"] = () => ({ items: [] });
  });
  const env = () => ({ HOME: croft.home });
  const authorization = async (variables: Record<string, string>) => {
    await croft.run(["site", "list"], { env: variables });
    return croft.seen.at(-1)!.authorization;
  };

  test("CROFT_TOKEN goes before the key that login kept", async () => {
    await writeAccount(env(), { url: croft.url, token: "croft_kept_key" });
    expect(await authorization({})).toBe("Bearer croft_test_key");
    expect(await authorization({ CROFT_TOKEN: "" })).toBe("Bearer croft_kept_key");
    expect(await authorization({ CROFT_TOKEN: "", CROFT_URL: "" })).toBe("Bearer croft_kept_key");
  });

  test("a kept key is not sent to another address", async () => {
    await writeAccount(env(), { url: "https://croft.example.org", token: "croft_kept_key" });
    expect(await authorization({ CROFT_TOKEN: "" })).toBeNull();
  });

  test("the file of the key is for its user alone, also where a looser one was", async () => {
    const path = await writeAccount(env(), { url: croft.url, token: "a" });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await chmod(path, 0o644);
    await writeAccount(env(), { url: croft.url, token: "b" });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readAccount(env())).toEqual({ url: croft.url, token: "b" });
    expect(accountPath({ HOME: "/h", XDG_CONFIG_HOME: "/c" })).toBe("/c/croft/config.json");
    await writeFile(join(croft.home, ".config/croft/config.json"), "{torn");
    expect(await readAccount(env())).toBeNull();
  });
});
