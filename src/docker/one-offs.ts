import type { Duplex } from "node:stream";
import type Dockerode from "dockerode";
import type { CommandEnd, CommandProcess, OneOffSpec, OnOutput } from "../domain/command-process.ts";
import type { ReplicaSpec } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { createAttachedStream } from "./attached-stream.ts";
import type { DockerClient } from "./client.ts";
import { deployFailed, dockerMessage, hasStatus, runtimeReason } from "./errors.ts";
import { containerName, labelFilter } from "./labels.ts";
import type { OneOffCgroups } from "./one-off-cgroup.ts";
import { oneOffConfig, runIdOf } from "./one-off-config.ts";
import type { OneOffUseMeter } from "./one-off-use.ts";

const startDeadlineMs = 60_000;
const stopDeadlineMs = 30_000;
const waitSliceMs = 60_000;

interface Deps {
  client: DockerClient;
  log: Log;
  cgroups: OneOffCgroups;
  use: OneOffUseMeter;
  createContainer(
    spec: ReplicaSpec,
    adapt: (config: Dockerode.ContainerCreateOptions) => Dockerode.ContainerCreateOptions,
  ): Promise<string>;
}

/** Commands in containers of their own; see `CommandEngine` for each. */
export const createOneOffs = ({ client, log, cgroups, use, createContainer }: Deps) => {
  const inspect = (runId: string): Promise<Dockerode.ContainerInspectInfo | null> =>
    client.call("inspect container", (docker) =>
      docker
        .getContainer(containerName(runId))
        .inspect()
        .then(
          (info) => (runIdOf([info.Name], info.Config.Labels) === runId ? info : null),
          (error) => {
            if (hasStatus(error, 404)) return null;
            throw error;
          },
        ),
    );

  const hold = (containerId: string, held: boolean): Promise<void> =>
    client.call("hold container", async (docker) => {
      const container = docker.getContainer(containerId);
      await (held ? container.pause() : container.unpause()).catch((error: unknown) => {
        // It has just ended, or somebody else did the same.
        if (
          !hasStatus(error, 404, 409) &&
          !/is (?:not|already) (?:running|paused)/.test(dockerMessage(error))
        )
          throw error;
      });
    });

  const removeById = (containerId: string): Promise<void> =>
    client.call(
      "remove container",
      async (docker) => {
        await docker
          .getContainer(containerId)
          .remove({ force: true, v: true })
          .catch((error: unknown) => {
            if (!hasStatus(error, 404, 409)) throw error; // 409: another removal is under way
          });
      },
      { deadlineMs: stopDeadlineMs },
    );

  /** Its exit, however often the connection to the engine breaks meanwhile. */
  const exitOf = async (runId: string): Promise<CommandEnd> => {
    for (;;)
      try {
        const info = await inspect(runId);
        if (!info) return { exitCode: null, oomKilled: false, endedAtMs: null };
        if (!info.State.Running && info.State.Status !== "created")
          return {
            exitCode: info.State.ExitCode,
            oomKilled: info.State.OOMKilled,
            endedAtMs: Date.parse(info.State.FinishedAt) || null,
          };
        await client.call("wait for container", (docker) => docker.getContainer(info.Id).wait(), {
          deadlineMs: waitSliceMs,
        });
        continue;
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "engine_unavailable")
          log.debug("a one-off container cannot be looked at", { runId, error });
        await Bun.sleep(1000);
      }
  };

  const attach = async (
    containerId: string,
    options: { stdin: boolean; logs: boolean; live: boolean },
  ): Promise<Duplex> =>
    (await client.open("attach to container", (docker) =>
      docker.getContainer(containerId).attach({
        stream: options.live,
        logs: options.logs,
        stdin: options.stdin,
        stdout: true,
        stderr: true,
        hijack: true,
      }),
    )) as Duplex;

  const processOf = (
    runId: string,
    containerId: string,
    isTerminal: boolean,
    stream: Duplex,
    onOutput: OnOutput,
  ): CommandProcess => {
    const attached = createAttachedStream(stream, isTerminal, onOutput);
    const ended = attached.done.then(() => exitOf(runId));
    return {
      write: attached.write,
      endInput: attached.endInput,
      ended,
      resize: async ({ columns, rows }) => {
        if (!isTerminal) return;
        await client
          .call("resize terminal", (docker) =>
            docker.getContainer(containerId).resize({ w: columns, h: rows }),
          )
          .catch(() => {}); // it has just ended, or asks again with its next size
      },
      kill: async (graceSeconds) => {
        // Frozen processes get no signal.
        if ((await inspect(runId))?.State.Paused) await hold(containerId, false);
        await client.call(
          "stop container",
          (docker) =>
            docker
              .getContainer(containerId)
              .stop({ t: graceSeconds })
              .catch((error: unknown) => {
                if (!hasStatus(error, 304, 404)) throw error;
              }),
          { deadlineMs: graceSeconds * 1000 + stopDeadlineMs },
        );
        attached.close();
      },
    };
  };

  return {
    async startOneOff(spec: OneOffSpec, onOutput: OnOutput): Promise<CommandProcess> {
      const base = { ...spec.base, replicaId: spec.runId, startCommand: null };
      const parent = await cgroups.enter(spec.group, spec.runId, spec.base.limits);
      const id = await createContainer(base, (config) => oneOffConfig(spec, config, parent)).catch(
        (error) => {
          cgroups.leave(spec.runId);
          throw error;
        },
      );
      try {
        // Before it starts, or its first words were lost.
        const stream = await attach(id, { stdin: spec.stdin, logs: false, live: true });
        const running = processOf(spec.runId, id, spec.terminal !== null, stream, onOutput);
        try {
          await client.call("start container", (docker) => docker.getContainer(id).start(), {
            deadlineMs: startDeadlineMs,
          });
        } catch (error) {
          stream.destroy();
          if (hasStatus((error as AppError).cause, 400, 404, 409, 500))
            throw deployFailed(
              `the command did not start: ${runtimeReason(dockerMessage((error as AppError).cause))}`,
              error,
            );
          throw error;
        }
        if (spec.terminal) await running.resize(spec.terminal);
        use.notice(spec.runId, id, (await inspect(spec.runId))?.State.Pid ?? 0);
        return running;
      } catch (error) {
        // Best effort: what remains is found by its row.
        await removeById(id).catch((cause) =>
          log.warn("a one-off that did not start could not be removed", { container: id, cause }),
        );
        cgroups.leave(spec.runId);
        throw error;
      }
    },

    async followOneOff(runId: string, onOutput: OnOutput): Promise<CommandProcess | null> {
      const info = await inspect(runId);
      if (!info) return null;
      await cgroups.adopt(info.HostConfig.CgroupParent, runId);
      use.notice(runId, info.Id, info.State.Pid);
      const stream = await attach(info.Id, { stdin: false, logs: true, live: info.State.Running });
      return processOf(runId, info.Id, info.Config.Tty, stream, onOutput);
    },

    async holdOneOff(runId: string, held: boolean): Promise<void> {
      const info = await inspect(runId);
      if (info?.State.Running && info.State.Paused !== held) await hold(info.Id, held);
    },

    async removeOneOff(runId: string): Promise<void> {
      use.forget(runId);
      const info = await inspect(runId);
      if (info) await removeById(info.Id);
      cgroups.leave(runId);
    },

    /** @param labels further `key=value` labels that must match */
    listOneOffs: (...labels: string[]): Promise<string[]> =>
      client.call("list containers", async (docker) => {
        const filters = labelFilter("croft.role=helper", ...labels);
        const found = await docker.listContainers({ all: true, filters });
        return found.flatMap((info) => runIdOf(info.Names, info.Labels) ?? []);
      }),
  };
};
