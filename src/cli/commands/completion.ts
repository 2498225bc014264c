import { defineCommand } from "../command.ts";
import { optionsOf } from "../command-entry.ts";
import { commands } from "../commands.ts";
import { UsageError } from "../usage-error.ts";

/** First word -> what may follow it: verbs of a noun, or options. */
const tree = () => {
  const nouns = new Map<string, string[]>();
  for (const { name } of commands) {
    const [noun, verb] = name.split(" ") as [string, string?];
    nouns.set(noun, [...(nouns.get(noun) ?? []), ...(verb ? [verb] : [])]);
  }
  return nouns;
};

const cases = (indent: string): string =>
  commands.map((entry) => `${indent}"${entry.name}") words="${optionsOf(entry).join(" ")}" ;;`).join("\n");

const bash = (): string => {
  const verbs = [...tree()].filter(([, list]) => list.length > 0);
  return `# croft completion bash > /etc/bash_completion.d/croft
_croft() {
  local current=\${COMP_WORDS[COMP_CWORD]} first=\${COMP_WORDS[1]} second=\${COMP_WORDS[2]} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${[...tree().keys(), "help"].join(" ")}"
  elif [ "$COMP_CWORD" -eq 2 ] && [[ " ${verbs.map(([noun]) => noun).join(" ")} " == *" $first "* ]]; then
    case "$first" in
${verbs.map(([noun, list]) => `      ${noun}) words="${list.join(" ")}" ;;`).join("\n")}
    esac
  elif [[ "$current" == -* ]]; then
    case "$first $second" in
${cases("      ")}
      *)
        case "$first" in
${cases("          ")}
        esac ;;
    esac
  else
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _croft croft
`;
};

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const zsh = (): string => `#compdef croft
# croft completion zsh > "\${fpath[1]}/_croft"
autoload -Uz bashcompinit && bashcompinit
${bash()}`;

const fish = (): string =>
  [
    "# croft completion fish > ~/.config/fish/completions/croft.fish",
    "complete -c croft -f",
    ...[...tree()].map(([noun, verbs]) => {
      const summary = commands.find((entry) => entry.name === noun)?.summary ?? verbs.join(", ");
      return `complete -c croft -n __fish_use_subcommand -a ${noun} -d ${quote(summary)}`;
    }),
    ...commands.flatMap((entry) => {
      const [noun, verb] = entry.name.split(" ") as [string, string?];
      const seen = verb
        ? `"__fish_seen_subcommand_from ${noun}; and __fish_seen_subcommand_from ${verb}"`
        : `"__fish_seen_subcommand_from ${noun}"`;
      const offered = verb
        ? [`complete -c croft -n "__fish_seen_subcommand_from ${noun}" -a ${verb} -d ${quote(entry.summary)}`]
        : [];
      return [
        ...offered,
        ...optionsOf(entry).map((option) => `complete -c croft -n ${seen} -l ${option.slice(2)}`),
      ];
    }),
    "",
  ].join("\n");

const shells: Record<string, () => string> = { bash, zsh, fish };

export const completion = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ print }, [shell]) => {
    const script = shells[shell!]?.();
    if (script === undefined) throw new UsageError(`there is no completion for ${JSON.stringify(shell)}`);
    print({ shell, script }, () => script);
  },
});
