import type { DeploymentView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";

export const cancel = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [id]) => {
    const path = `/deployments/${encodeURIComponent(id!)}/cancel`;
    const answer = await (await client()).send<Partial<DeploymentView>>("POST", path);
    print(answer, () => `Deployment ${id} is ${answer.status ?? "being cancelled"}\n`);
  },
});
