# The shim of one attempt where there is no native one: sh shim.sh DIR ENTRY OOM CAP PROGRAM [ARGUMENT...]
#
# ENTRY: the file by which the command enters its cgroup; OOM: its oom_score_adj; each may be empty. CAP is for the native
# shim: this one leaves the cap of the log to the worker.
# It owns the attempt: `started` is made exclusively, so nothing starts twice. It stays outside the attempt's cgroups (a
# memory limit or a kill of all members never takes it), outlives signals to its group, and writes the end to `exit`.
# A full disk delays `exit`; it does not lose it. Only builtins, for speed: one fork per attempt. All variables begin
# with DROVER_, which no instance's environment may contain, because an assignment to an inherited variable would reach
# the command. Exit status 121: another shim has this attempt, or `started` could not be written.
DROVER_d=$1
DROVER_g=$2
DROVER_o=$3
DROVER_t=
DROVER_r=
shift 4
# Handlers, not "ignore": handlers are reset in the child, so the command begins with the default of every signal.
trap 'DROVER_t=143' HUP INT QUIT TERM
trap : PIPE ALRM USR1 USR2
read -r DROVER_s </proc/$$/stat || exit 121
set -C
echo "$DROVER_s end" >"$DROVER_d/started" || exit 121
set +C
if [ -n "$DROVER_t" ]; then
  DROVER_c=$DROVER_t
else
  # In the foreground: a background child would ignore INT and QUIT. `exec` takes programs only, never a builtin.
  (
    [ -z "$DROVER_g" ] || echo 0 >"$DROVER_g" || exit 125
    [ -z "$DROVER_o" ] || echo "$DROVER_o" >/proc/self/oom_score_adj
    exec "$@"
  ) >>"$DROVER_d/log.0" 2>&1
  DROVER_c=$?
fi
# Whatever lies there is none of ours, or was cut short: a folder, or a pipe that would block, is taken away.
until [ ! -e "$DROVER_d/exit" ] && [ ! -L "$DROVER_d/exit" ] && echo "exit $DROVER_c end" >"$DROVER_d/exit"; do
  [ -d "$DROVER_d" ] || exit 1
  PATH=/usr/bin:/bin
  rm -rf "$DROVER_d/exit"
  [ -z "$DROVER_r" ] || sleep 1
  DROVER_r=again
done
exit 0
