import type { Call } from '../call.ts';
import { UsageError } from '../errors.ts';

const BASH = `# drover completion for bash: source <(drover completion bash)
_drover() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(drover __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _drover drover`;

const ZSH = `#compdef drover
# drover completion for zsh: source <(drover completion zsh)
_drover() {
  local -a found
  local line
  while IFS= read -r line; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(drover __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe drover found; else _files; fi
}
compdef _drover drover`;

const FISH = `# drover completion for fish: drover completion fish | source
function __drover_complete
  set -l words (commandline -opc) (commandline -ct)
  drover __complete -- $words[2..-1] 2>/dev/null
end
complete -c drover -f -a '(__drover_complete)'
complete -c drover -n '__fish_seen_subcommand_from submit' -s c -l config -r -F`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** `drover completion bash|zsh|fish`: a script for the shell to read. */
export async function completion(call: Call): Promise<number> {
  const script = SCRIPTS[call.args[0] ?? ''];
  if (script === undefined) throw new UsageError(`no completion for "${call.args[0]}"`, 'bash, zsh or fish');
  call.terminal.out(script);
  return 0;
}
