import { readFile } from "node:fs/promises";

export interface ListeningPort {
  port: number;
  loopbackOnly: boolean;
}

/** Docker's own resolver listens at 127.0.0.11 inside every container. */
const dockerResolver = "0B00007F";
const listenState = "0A";

const isLoopback = (address: string): boolean =>
  address.length === 8
    ? address.endsWith("7F") // words are little-endian: the first octet comes last
    : address === "00000000000000000000000001000000" ||
      (address.startsWith("0000000000000000FFFF0000") && address.endsWith("7F"));

/** Sockets in state LISTEN of `/proc/PID/net/tcp` or `tcp6` (proc_pid_net(5)). */
export const parseListening = (text: string): ListeningPort[] =>
  text.split("\n").flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, port] = local?.split(":") ?? [];
    if (state !== listenState || !address || !port || address === dockerResolver) return [];
    return { port: Number.parseInt(port, 16), loopbackOnly: isLoopback(address) };
  });

/** All TCP ports in a process's network namespace, ascending; one that is open on any other address is not loopbackOnly. */
export const listeningPortsOf = async (pid: number, procRoot = "/proc"): Promise<ListeningPort[]> => {
  const open = new Map<number, boolean>();
  for (const file of ["tcp", "tcp6"]) {
    const text = await readFile(`${procRoot}/${pid}/net/${file}`, "utf8").catch(() => "");
    for (const { port, loopbackOnly } of parseListening(text))
      open.set(port, loopbackOnly && (open.get(port) ?? true));
  }
  return [...open].map(([port, loopbackOnly]) => ({ port, loopbackOnly })).sort((a, b) => a.port - b.port);
};
