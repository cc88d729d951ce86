# The shim of one attempt: sh shim.sh DIR PROGRAM [ARGUMENT...]
#
# It owns the attempt: `started` is made exclusively, so nothing starts twice. It stays outside the attempt's cgroups (a
# memory limit or a kill of all members never takes it), outlives signals to its group, and writes the end to `exit`.
# A full disk delays `exit`; it does not lose it. Only builtins, for speed: one fork per attempt. All variables begin
# with DROVER_, which no instance's environment may contain, because an assignment to an inherited variable would reach
# the command. Exit status 121: another shim has this attempt, or `started` could not be written.
DROVER_d=$1
DROVER_t=
shift
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
    while read -r DROVER_k DROVER_v; do
      case $DROVER_k in
        cgroup) echo 0 >"$DROVER_v" || exit 125 ;;
        oom_score_adj) echo "$DROVER_v" >/proc/self/oom_score_adj ;;
      esac
    done <"$DROVER_d/spec"
    exec "$@"
  ) >>"$DROVER_d/log/0" 2>&1
  DROVER_c=$?
fi
until echo "exit $DROVER_c end" >"$DROVER_d/exit"; do
  [ -d "$DROVER_d" ] || exit 1
  sleep 1
done
exit 0
