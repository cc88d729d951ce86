/**
 * The scripts that run on ssh hosts, by `sh -s`. They need `sh`, `cat`, `sleep`, `grep`, `tail` and `tar`, no root and
 * nothing that was set up before. What they are given is quoted; the token travels in the script, which no other user
 * of the host can read.
 */

import type { HeadPlace } from '../head-place.ts';

/** A text as one word of sh, whatever it holds. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Identity is pid, start time and boot, as everywhere. */
const FUNCTIONS = `
set -u
umask 077
PATH="$PATH:/usr/local/bin:/usr/bin:/bin:/usr/local/cuda/bin"
started() {
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  line=\${line##*) }
  set -- $line
  [ "$1" = Z ] && return 1
  echo "\${20}"
}
alive() {
  [ -f "$D/pid" ] || return 1
  read -r pid ticks boot < "$D/pid" || return 1
  [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] && [ "$(started "$pid")" = "$ticks" ]
}
finish() {
  alive || return 0
  kill -TERM "$pid" 2>/dev/null
  i=0
  while alive && [ "$i" -lt 100 ]; do i=$((i + 1)); sleep 0.1 2>/dev/null || sleep 1; done
  if alive; then kill -KILL "$pid" 2>/dev/null; sleep 1; fi
  return 0
}
`;

const folder = (tag: string): string => `D="$HOME/.drover/worker/"${quote(tag)}\n`;

export interface WorkerStart {
  readonly tag: string;
  readonly head: HeadPlace;
  /** Null: it has joined before. */
  readonly joinToken: string | null;
  readonly name: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly runtime: string;
  /** The path of a Node of the host; null: the one of the runtime. */
  readonly node: string | null;
}

/** Starts the worker in a session of its own, unless it runs. */
export function startScript(start: WorkerStart): string {
  const { tag, head, joinToken, name, cpus, memoryMiB, runtime, node } = start;
  return `${FUNCTIONS}${folder(tag)}
if alive; then echo running; exit 0; fi
mkdir -p "$D" || exit 1
cd "$D" || exit 1
${joinToken === null ? '' : `printf '%s' ${quote(joinToken)} > join-token || exit 1`}
R="$HOME/.drover/runtime/"${quote(runtime)}
NODE=${node === null ? '"$R/bin/node"' : quote(node)}
DROVER_JOIN_TOKEN=$(cat join-token 2>/dev/null)
export DROVER_JOIN_TOKEN
${head.ca === null ? '' : `DROVER_CA=${quote(head.ca)}; export DROVER_CA`}
run=nohup
command -v setsid >/dev/null 2>&1 && run=setsid
"$run" "$NODE" "$R/dist/bin.js" worker --json --state "$D/state" --head ${quote(head.url)} --name ${quote(name)} \\
  --cpus ${cpus} --memory ${memoryMiB}MiB < /dev/null >> worker.log 2>&1 &
pid=$!
echo "$pid $(started "$pid") $(cat /proc/sys/kernel/random/boot_id)" > pid
echo started
`;
}

/** Ends the worker. Its folder stays. */
export const stopScript = (tag: string): string => `${FUNCTIONS}${folder(tag)}finish\necho done\n`;

/** Ends the worker and all that it still supervises, and removes what was put on the host when nobody else needs it. */
export const eraseScript = (tag: string): string => `${FUNCTIONS}${folder(tag)}
finish
if [ -d "$D/state" ]; then
  for p in /proc/[0-9]*; do
    if grep -q -F "$D/state/" "$p/environ" "$p/cmdline" 2>/dev/null; then kill -KILL "\${p#/proc/}" 2>/dev/null; fi
  done
fi
# What is mounted in it belongs to somebody else.
real=$(cd "$D" 2>/dev/null && pwd -P) && while read -r _ _ _ _ point _; do
  case $point in "$real"|"$real"/*) echo "something is mounted at $point: unmount it" >&2; exit 1;; esac
done < /proc/self/mountinfo
rm -rf "$D" || exit 1
rmdir "$HOME/.drover/worker" 2>/dev/null && rm -rf "$HOME/.drover/runtime"
rmdir "$HOME/.drover" 2>/dev/null
echo done
`;

/** One line per worker folder: tag, \`running\` or \`stopped\`, and what a stopped one said last. */
export const LIST_SCRIPT = `${FUNCTIONS}
for D in "$HOME"/.drover/worker/drover-*; do
  [ -d "$D" ] || continue
  if alive; then echo "\${D##*/} running"; else echo "\${D##*/} stopped $(tail -n 1 "$D/worker.log" 2>/dev/null | cut -c 1-300)"; fi
done
echo end
`;

/** Whether the runtime is there, and whether its Node runs. */
export const checkScript = (runtime: string, withNode: boolean): string => `${FUNCTIONS}
R="$HOME/.drover/runtime/"${quote(runtime)}
[ -f "$R/.ok" ] || { echo missing; exit 0; }
${withNode ? 'said=$("$R/bin/node" --version 2>&1) || { echo "broken $said" | head -n 1; exit 0; }' : ''}
echo there
`;

/** Unpacks an archive from standard input; whole or not at all. Its argument has no quotes, so that any login shell takes it. */
export const unpackCommand = (runtime: string): string =>
  `sh -c 'umask 077; R="$HOME/.drover/runtime/${runtime}"; T="$R.$$"; rm -rf "$T"; mkdir -p "$T" && tar -xzf - -C "$T" && : > "$T/.ok" && { [ -f "$R/.ok" ] && rm -rf "$T" || { rm -rf "$R"; mv "$T" "$R"; }; } || { rm -rf "$T"; exit 1; }'`;
