import type { CommandEntry } from "./command-entry.ts";
import { accountCommands } from "./command-tables/account-commands.ts";
import { addressCommands } from "./command-tables/address-commands.ts";
import { deployCommands } from "./command-tables/deploy-commands.ts";
import { hostCommands } from "./command-tables/host-commands.ts";
import { lookCommands } from "./command-tables/look-commands.ts";
import { runCommands } from "./command-tables/run-commands.ts";
import { siteCommands } from "./command-tables/site-commands.ts";

/** All of them, as help lists them. */
export const commands: readonly CommandEntry[] = [
  ...accountCommands,
  ...siteCommands,
  ...deployCommands,
  ...runCommands,
  ...addressCommands,
  ...lookCommands,
  ...hostCommands,
];
