import type Dockerode from "dockerode";
import { leaveOutUnusedParts } from "./unused-parts.ts";

leaveOutUnusedParts();

/** dockerode's class. By `require`, since what is imported is loaded before the line above is run. */
export const DockerodeClient: new (options?: Dockerode.DockerOptions) => Dockerode = require("dockerode");
