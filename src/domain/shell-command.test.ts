import { describe, expect, test } from "bun:test";
import { shellCommand } from "./shell-command.ts";

describe("shellCommand", () => {
  for (const [line, expected] of [
    ["node server.js", "exec node server.js"],
    ["  gunicorn --bind 0.0.0.0:$PORT app:app ", "exec gunicorn --bind 0.0.0.0:$PORT app:app"],
    ["cd web && node .", "cd web && exec node ."],
    ["./migrate.sh; node .", "./migrate.sh; exec node ."],
    ["A=1 B='x y' node .", "exec env A=1 B='x y' node ."],
    ["cd web && A=1 node .", "cd web && exec env A=1 node ."],
    [`node -e 'a && b; c | d'`, `exec node -e 'a && b; c | d'`],
    [`python -c "print(1)"`, `exec python -c "print(1)"`],
    ["serve ${DIR} -l $PORT", "exec serve ${DIR} -l $PORT"],
    [`gunicorn -b "0.0.0.0:$PORT" app:app`, `exec gunicorn -b "0.0.0.0:$PORT" app:app`],
    ["node . 2>&1", "exec node . 2>&1"],
    // left alone
    ["exec node .", "exec node ."],
    ["cd web", "cd web"],
    ["node migrate.js && exit 6", "node migrate.js && exit 6"],
    ["trap 'echo bye' TERM; node .", "trap 'echo bye' TERM; node ."],
    ["a || b", "a || b"],
    ["a | b", "a | b"],
    ["a & b", "a & b"],
    ["if true; then node .; fi", "if true; then node .; fi"],
    ["(cd web && node .)", "(cd web && node .)"],
    ["node $(cat name)", "node $(cat name)"],
    ["node . # comment", "node . # comment"],
    ["echo 'not closed && node", "echo 'not closed && node"],
    [`A="$(id)" node .`, `A="$(id)" node .`],
    ["", ""],
  ] as const)
    test(JSON.stringify(line), () => expect(shellCommand(line)).toEqual(["/bin/sh", "-c", expected]));

  test("means the same to a real shell, and the program takes the shell's place", async () => {
    for (const line of [`cd / && A=1 printf '%s ' "$PWD" 'a && b'; echo "$0" $$`, "X='1 2' env"]) {
      const [program, ...args] = shellCommand(line);
      const run = (argv: string[]) =>
        Bun.spawnSync(argv, { env: { PATH: process.env.PATH! } }).stdout.toString();
      const normal = (text: string) =>
        text
          .replace(/\d{2,}/g, "N")
          .split("\n")
          .filter((each) => !/^(?:_|PWD|OLDPWD)=/.test(each))
          .sort();
      expect(normal(run([program!, ...args]))).toEqual(normal(run(["/bin/sh", "-c", line])));
    }
    const child = Bun.spawn(shellCommand("cd / && A=1 sleep 30"));
    try {
      const nameOf = async () => (await Bun.file(`/proc/${child.pid}/comm`).text()).trim();
      const end = performance.now() + 5000;
      while ((await nameOf()) !== "sleep" && performance.now() < end) await Bun.sleep(20);
      expect(await nameOf()).toBe("sleep");
    } finally {
      child.kill("SIGKILL");
      await child.exited;
    }
  });
});
