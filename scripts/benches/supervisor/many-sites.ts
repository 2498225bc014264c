import { readFileSync } from "node:fs";
import { runManySites } from "../../../src/testing/load/many-sites.ts";
import { withCroft } from "../install.ts";
import { median, type Row, row } from "../row.ts";

const count = Number(process.env.CROFT_BENCH_SITES ?? 200);

const pssMb = (pid: number): number =>
  Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1024;

/** Two hundred sites on one host, most of them asleep. */
export const manySitesBench = async (): Promise<Row[]> =>
  withCroft(
    { CROFT_SAMPLE_SECONDS: "30", CROFT_DISK_SECONDS: "30", CROFT_NETWORK_POOL: "10.96.0.0/16" },
    async (croft) => {
      const { containers, createdMs, asleepMs, leftUnfrozen, answers } = await runManySites(
        croft,
        count,
        (line) => console.error(line),
      );
      const right = answers.filter((one) => one.status === 200 && one.right);
      const woken = right.filter(({ slept }) => slept).map(({ ms }) => ms);
      const daemonMb = Math.round(pssMb(croft.daemonPid()));
      return [
        row("supervisor/many-sites", {
          value: right.length,
          unit: "sites that answer",
          peer: "the bar: all of them",
          peerValue: count,
          note:
            `${containers} with a container, created and serving within ${Math.round(createdMs / 1000)} s; ` +
            `all asleep ${Math.round(asleepMs / 1000)} s after their idle time, ${leftUnfrozen} left unfrozen; ` +
            `first visits of sleepers: median ${Math.round(median(woken))} ms, longest ${Math.round(Math.max(...woken))} ms; daemon ${daemonMb} MB PSS`,
        }),
      ];
    },
  );

if (import.meta.main) console.log(JSON.stringify(await manySitesBench(), null, 2));
