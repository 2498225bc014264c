import type { HookDeliveryView, HookView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { facts, localTime, table } from "../text.ts";

const showOnce = (hook: HookView): string =>
  facts([
    ["hook", hook.id],
    ["payload URL", hook.url],
    ["content type", "application/json"],
    ["secret", hook.secret],
  ]) + "Enter these where the repository is. The secret is not shown again.\n";

export const hookList = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/hooks", { environment });
    const answer = await (await client()).get<{ items: HookView[] }>(path);
    print(answer, () =>
      answer.items.length === 0
        ? "No hooks.\n"
        : table([
            ["HOOK", "PROVIDER", "MADE", "URL"],
            ...answer.items.map((hook) => [hook.id, hook.provider, localTime(hook.createdAt), hook.url]),
          ]),
    );
  },
});

export const hookAdd = defineCommand({
  options: { provider: { type: "string" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], { provider = "github", environment }) => {
    const path = sitePath(slug!, "/hooks", { environment });
    const hook = await (await client()).send<HookView>("POST", path, { provider });
    print(hook, () => showOnce(hook));
  },
});

export const hookRotate = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, id], { environment }) => {
    const path = sitePath(slug!, `/hooks/${encodeURIComponent(id!)}/rotate`, { environment });
    const hook = await (await client()).send<HookView>("POST", path);
    print(hook, () => showOnce(hook));
  },
});

export const hookRemove = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, id], { environment }) => {
    const path = sitePath(slug!, `/hooks/${encodeURIComponent(id!)}`, { environment });
    const answer = await (await client()).send("DELETE", path);
    print(answer, () => `Hook ${id} is removed\n`);
  },
});

export const hookDeliveries = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, id], { environment }) => {
    const path = sitePath(slug!, `/hooks/${encodeURIComponent(id!)}/deliveries`, { environment });
    const answer = await (await client()).get<{ items: HookDeliveryView[] }>(path);
    print(answer, () =>
      answer.items.length === 0
        ? "Nothing has arrived yet.\n"
        : table([
            ["AT", "EVENT", "SIGNATURE", "RESULT", "DEPLOYMENT", "DELIVERY"],
            ...answer.items.map((one) => [
              localTime(one.at),
              one.event,
              one.signatureOk ? "right" : "wrong",
              one.result,
              one.deployment ?? "-",
              one.deliveryId,
            ]),
          ]),
    );
  },
});
