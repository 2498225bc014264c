/** @jsxImportSource hono/jsx */
import type { GuardView } from "../../domain/guard.ts";
import { formatBytes } from "../../domain/size.ts";
import { sentence } from "../format.ts";
import type { Word } from "../words.ts";
import { Badge } from "./badge.tsx";
import { ActButton } from "./form.tsx";
import { Time } from "./time.tsx";

const guardWord = ({ isOn, pressures, inForce }: GuardView): Word => {
  if (!isOn) return { text: "Off", tone: "quiet" };
  if (inForce.length > 0) return { text: "Acting", tone: "rust" };
  return pressures.length > 0
    ? { text: "Watching closely", tone: "amber" }
    : { text: "All is well", tone: "moss" };
};

/** Whether it may change by itself soon. */
export const guardMoves = ({ pressures, inForce }: GuardView): boolean =>
  pressures.length > 0 || inForce.length > 0;

const least = (bytes: number | null): string => (bytes === null ? "" : ` (acts below ${formatBytes(bytes)})`);
const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "not told" : `${Math.round(value)} %`;

/** What keeps the host from running short: what it sees, whom it holds, and how to let them go. */
export const HostGuard = ({ guard }: { guard: GuardView }) => {
  const { figures, settings, heaviest, inForce, recent } = guard;
  const past = recent.filter((act) => act.endedAt !== null).slice(0, 3);
  const most = (kind: keyof GuardView["heaviest"]) => {
    const one = heaviest[kind];
    return one && <span class="sub">{`most by ${one.site}: ${one.text}`}</span>;
  };
  return (
    <section class="card" aria-labelledby="guard">
      <div class="section-head">
        <h2 id="guard">Guard</h2>
        <span data-say={`Guard: ${guardWord(guard).text}`}>
          <Badge word={guardWord(guard)} />
        </span>
      </div>
      {!guard.isOn && <p>It looks, but does nothing: the daemon runs with CROFT_GUARD=off.</p>}
      {inForce.map((act) => (
        <div class="heads-up rust">
          <p class="wrap">
            <strong>{act.site ? <a href={`/sites/${act.site}`}>{act.site}</a> : "The host"}</strong>{" "}
            {act.reason} Since <Time at={act.since} />.
          </p>
          {act.site !== null && (
            <ActButton
              action="/host/guard/release"
              values={{ site: act.site }}
              class="small"
              label={`Release ${act.site}`}
            >
              Release
            </ActButton>
          )}
        </div>
      ))}
      {inForce.length === 0 && guard.pressures.map((one) => <p class="error wrap">{sentence(one.text)}</p>)}
      <dl class="facts-list">
        <dt>Free disk</dt>
        <dd>
          {figures?.disk
            ? formatBytes(figures.disk.freeBytes) + least(settings.diskFreeBytes)
            : "not measured yet"}
          {most("disk")}
        </dd>
        <dt>Memory</dt>
        <dd>
          {figures?.memory
            ? `${formatBytes(figures.memory.availableBytes)} available${least(settings.memoryAvailableBytes)}`
            : "not measured yet"}
          {most("memory")}
        </dd>
        <dt>Processors</dt>
        <dd>
          {percent(figures?.cpuBusyPercent)} busy, work waits {percent(figures?.cpuStalledPercent)} (acts from{" "}
          {settings.cpuBusyPercent} and {settings.cpuStalledPercent} % on)
          {most("cpu")}
        </dd>
        <dt>Disks</dt>
        <dd>
          work waits {percent(figures?.ioStalledPercent)} (acts from {settings.ioStalledPercent} % on)
          {most("io")}
        </dd>
      </dl>
      {past.map((act) => (
        <p class="hint wrap">
          <Time at={act.at} />
          {act.site && ` ${act.site}`}: {act.message}
        </p>
      ))}
    </section>
  );
};
