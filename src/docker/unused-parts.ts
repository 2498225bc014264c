import { plugin } from "bun";

/**
 * What dockerode loads for things that Croft does not do with it (engines over SSH, BuildKit's sessions, packing of
 * folders): 12 MB of the daemon's memory. In the binary they are left out when it is made (scripts/lib/compile.ts).
 */
export const unusedParts = ["ssh2", "@grpc/grpc-js", "@grpc/proto-loader", "protobufjs", "tar-fs"] as const;

/** Puts empty modules in their place, if they are not loaded yet. */
export const leaveOutUnusedParts = (): void =>
  void plugin({
    name: "parts of dockerode that are not used",
    setup: (build) => {
      for (const name of unusedParts)
        build.module(name, () => ({ exports: { default: {} }, loader: "object" }));
    },
  });
