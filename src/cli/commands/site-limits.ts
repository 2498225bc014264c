import type { DiskView } from "../../domain/disk.ts";
import type { Limits, LimitsPatch } from "../../domain/limits.ts";
import { formatBytes } from "../../domain/size.ts";
import type { AppliedLimitsView, CpuBurstView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { coresFlag, sizeFlag, wholeFlag } from "../numbers.ts";
import { onOff } from "../site-fields.ts";
import { sitePath } from "../site-path.ts";
import { cores, localTime, table } from "../text.ts";

interface LimitsAnswer {
  disk: DiskView;
  asked: Limits;
  applied: AppliedLimitsView | null;
  cpuBurst: CpuBurstView;
}

type KernelLimit = "memoryBytes" | "cpuMillicores" | "pids";

const count = (n: number): string => String(n);

const kernelRow = (
  { asked, applied }: LimitsAnswer,
  label: string,
  key: KernelLimit,
  show: (n: number) => string,
): string[] => {
  if (applied === null) return [label, show(asked[key]), "-", ""];
  const held = applied[key];
  const mark = held === asked[key] ? "" : "differs: applied when the site next starts";
  return [label, show(asked[key]), held === null ? "none" : show(held), mark];
};

const cpuRow = (answer: LimitsAnswer): string[] => {
  const { applied, cpuBurst } = answer;
  if (!cpuBurst.on || applied?.cpuMillicores !== cpuBurst.ceilingMillicores)
    return kernelRow(answer, "cpu", "cpuMillicores", cores);
  return ["cpu", cores(answer.asked.cpuMillicores), cores(applied.cpuMillicores), "while cores are idle"];
};

const diskNote = ({ usedBytes, enforcement }: DiskView): string =>
  `${usedBytes === null ? "not measured yet" : `${formatBytes(usedBytes)} used`}${enforcement === "hard" ? "; writes beyond are refused" : "; beyond it the site is stopped"}`;

const describe = (answer: LimitsAnswer): string => {
  const { asked, applied } = answer;
  const swap =
    applied === null || applied.memoryBytes === null || applied.memorySwapBytes === null
      ? "-"
      : formatBytes(Math.max(0, applied.memorySwapBytes - applied.memoryBytes));
  const rows = [
    ["LIMIT", "ASKED", "APPLIED", ""],
    kernelRow(answer, "memory", "memoryBytes", formatBytes),
    ["swap", "0 B", swap, swap === "-" || swap === "0 B" ? "" : "differs: this kernel does not hold swap"],
    cpuRow(answer),
    kernelRow(answer, "pids", "pids", count),
    ["disk", formatBytes(asked.diskBytes), answer.disk.enforcement, diskNote(answer.disk)],
    ["bandwidth a month", formatBytes(asked.bandwidthBytesPerMonth), "at the edge", ""],
    ["requests a minute", count(asked.requestsPerMinute), "at the edge", ""],
    ["concurrent requests", count(asked.concurrentRequests), "at the edge", ""],
    ["request body", formatBytes(asked.maxBodyBytes), "at the edge", ""],
  ];
  const when =
    applied === null
      ? "Nothing runs yet that limits could be read from.\n"
      : `Read from the kernel at ${localTime(applied.readAt)}.\n`;
  return `${table(rows)}Memory, CPU and pids are of each replica (croft ps).\n${when}`;
};

export const siteLimits = defineCommand({
  options: {
    memory: { type: "string" },
    cpu: { type: "string" },
    "cpu-burst": { type: "string" },
    pids: { type: "string" },
    disk: { type: "string" },
    bandwidth: { type: "string" },
    rpm: { type: "string" },
    concurrent: { type: "string" },
    "max-body": { type: "string" },
  },
  words: [1, 1],
  run: async (context, [slug], flags) => {
    const asked: LimitsPatch & { cpuBurst?: boolean } = {
      memoryBytes: sizeFlag("memory", flags.memory),
      cpuMillicores: coresFlag("cpu", flags.cpu),
      cpuBurst: onOff("cpu-burst", flags["cpu-burst"]),
      pids: wholeFlag("pids", flags.pids),
      diskBytes: sizeFlag("disk", flags.disk),
      bandwidthBytesPerMonth: sizeFlag("bandwidth", flags.bandwidth),
      requestsPerMinute: wholeFlag("rpm", flags.rpm),
      concurrentRequests: wholeFlag("concurrent", flags.concurrent),
      maxBodyBytes: sizeFlag("max-body", flags["max-body"]),
    };
    const client = await context.client();
    const path = sitePath(slug!, "/limits", { environment: flags.environment });
    const changes = Object.values(asked).some((value) => value !== undefined);
    const answer = changes
      ? await client.send<LimitsAnswer>("PUT", path, asked)
      : await client.get<LimitsAnswer>(path);
    context.print(answer, () => describe(answer));
  },
});
