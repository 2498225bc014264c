import type { Duplex } from "node:stream";
import type { CommandEnd, CommandProcess, CommandSpec, OnOutput } from "../domain/command-process.ts";
import type { ReplicaState } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { conflict, notFound } from "../errors.ts";
import { createAttachedStream } from "./attached-stream.ts";
import type { DockerClient } from "./client.ts";
import { deployFailed, dockerMessage, hasStatus } from "./errors.ts";
import { endProcessesOfRun, runVariable } from "./leftovers-of-run.ts";

const askEveryMs = 1000;
/** Output that is still on its way when the command has ended. */
const lastWordsMs = 2000;

interface Deps {
  client: DockerClient;
  log: Log;
  inspectReplica(replicaId: string): Promise<ReplicaState | null>;
}

/**
 * Commands inside replicas. Docker lets them run on when their client goes and cannot end them; the kernel can, but
 * only for root on the engine's own machine.
 */
export const createReplicaExec = ({ client, log, inspectReplica }: Deps) => {
  const mayKill = client.dockerHost.startsWith("unix:") && process.getuid?.() === 0;

  const execInReplica = async (
    replicaId: string,
    spec: CommandSpec,
    onOutput: OnOutput,
  ): Promise<CommandProcess> => {
    const { runId, argv, terminal, stdin } = spec;
    if (!mayKill)
      throw conflict(
        "Croft could not end a command inside a replica here, since it does not run as root beside the engine; use a container of its own",
      );
    const replica = await inspectReplica(replicaId);
    if (!replica?.running || replica.pid === null) throw notFound("a running replica");
    const initPid = replica.pid;

    const exec = await client.call("create exec", (docker) =>
      docker
        .getContainer(replica.containerId)
        .exec({
          Cmd: argv,
          Env: [`${runVariable}=${runId}`],
          AttachStdin: stdin,
          AttachStdout: true,
          AttachStderr: true,
          Tty: terminal !== null,
        })
        .catch((error: unknown) => {
          if (/is paused/.test(dockerMessage(error)))
            throw conflict("the replica is asleep; wake the site first, or use a container of its own");
          if (hasStatus(error, 400, 404, 409, 500))
            throw deployFailed(`the command did not start: ${dockerMessage(error)}`, error);
          throw error;
        }),
    );
    const inspect = () => client.call("inspect exec", (docker) => docker.getExec(exec.id).inspect());
    const stream = (await client.open("start exec", (docker) =>
      docker.getExec(exec.id).start({ hijack: true, stdin: true, Tty: terminal !== null }),
    )) as Duplex;
    const attached = createAttachedStream(stream, terminal !== null, onOutput);
    if (!stdin) attached.endInput();

    const resize: CommandProcess["resize"] = async ({ columns, rows }) => {
      if (!terminal) return;
      await client
        .call("resize terminal", (docker) => docker.getExec(exec.id).resize({ w: columns, h: rows }))
        .catch(() => {}); // it has just ended, or asks again with its next size
    };
    if (terminal) await resize(terminal);
    let firstPid: number | null = null;

    /** Asks beside the stream: what the command left running may hold that open. */
    const watch = async (): Promise<CommandEnd> => {
      for (;;) {
        const state = await inspect().catch((error) => {
          log.debug("a command inside a replica cannot be looked at", { runId, error });
          return null;
        });
        firstPid = state?.Pid || firstPid;
        const gone = state === null && !(await inspectReplica(replicaId).catch(() => replica))?.running;
        if (gone) return { exitCode: null, oomKilled: false, endedAtMs: null };
        if (state && !state.Running && state.ExitCode !== null) {
          await Promise.race([attached.done, Bun.sleep(lastWordsMs)]);
          return { exitCode: state.ExitCode, oomKilled: false, endedAtMs: null };
        }
        await Promise.race([attached.done.then(() => Bun.sleep(20)), Bun.sleep(askEveryMs)]);
      }
    };
    const end = async (graceSeconds: number): Promise<void> => {
      if (!(await endProcessesOfRun(runId, initPid, firstPid, graceSeconds)))
        log.warn("a command inside a replica could not be ended", { runId, replicaId });
      attached.close();
    };
    const ended = watch().then(async (result) => {
      await end(0);
      return result;
    });
    return { write: attached.write, endInput: attached.endInput, resize, kill: end, ended };
  };

  return {
    execInReplica,
    async endInReplica(replicaId: string, runId: string): Promise<void> {
      const pid = mayKill ? (await inspectReplica(replicaId))?.pid : null;
      if (pid) await endProcessesOfRun(runId, pid, null, 0);
    },
  };
};
