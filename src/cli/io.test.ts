import { expect, test } from "bun:test";
import { join } from "node:path";

/** A program that asks on its terminal; what the person sees ends up in the result. */
const inTerminal = async (typed: string, options: { secret: boolean }) => {
  const program = `
    const { processIo } = await import(${JSON.stringify(join(import.meta.dir, "io.ts"))});
    const io = processIo();
    io.ask("Password: ", { secret: ${options.secret} }).then(
      (line) => console.log("got " + JSON.stringify(line)),
      (error) => console.log("refused " + error.name),
    );`;
  let seen = "";
  let typedYet = false;
  const child = Bun.spawn([process.execPath, "-e", program], {
    terminal: {
      cols: 80,
      rows: 24,
      data: (terminal, bytes) => {
        seen += new TextDecoder().decode(bytes);
        if (!typedYet && seen.includes("Password: ")) {
          typedYet = true;
          terminal.write(typed);
        }
      },
    },
  });
  expect(await child.exited).toBe(0);
  child.terminal?.close();
  return seen;
};

test("a secret is read without being shown, with corrections", async () => {
  const seen = await inTerminal("hunteß\x7f2\r", { secret: true });
  expect(seen).toContain('got "hunte2"');
  expect(seen.split("got")[0]).not.toContain("hunte");
});

test("Ctrl-C while a secret is asked for gives up", async () => {
  expect(await inTerminal("abc\x03", { secret: true })).toContain("refused AbortError");
});

test("what is no secret is shown while it is typed", async () => {
  const seen = await inTerminal("ada\r", { secret: false });
  expect(seen.split("got")[0]).toContain("ada");
  expect(seen).toContain('got "ada"');
});

test("without a terminal nothing is asked", async () => {
  const program = `
    const { processIo } = await import(${JSON.stringify(join(import.meta.dir, "io.ts"))});
    await processIo().ask("Password: ", { secret: true }).catch((error) => console.log(error.name));`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  expect((await new Response(child.stdout).text()).trim()).toBe("UsageError");
  expect(await child.exited).toBe(0);
});

test("a reader who has seen enough ends the program, without a word", async () => {
  const program = `
    const { processIo } = await import(${JSON.stringify(join(import.meta.dir, "io.ts"))});
    const io = processIo();
    process.stdin.once("data", () => setInterval(() => io.out("more\\n"), 1));`;
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  await child.stdout.cancel();
  child.stdin.write("on\n");
  await child.stdin.flush();
  expect(await child.exited).toBe(141);
  expect(await new Response(child.stderr).text()).toBe("");
});
