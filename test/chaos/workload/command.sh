#!/bin/bash
# What an instance of the chaos workload does: command.sh WITNESS NONCE KIND TENTHS EXIT LINES
#
# It tells the witness file, which no part of Drover reads or writes, when it began and when it came to its end. One write
# per line, at the end of the file; the time is the machine's uptime, which no clock fault moves. No fork on the way.
witness=$1 nonce=$2 kind=$3 tenths=$4 code=$5 lines=$6
tell() {
  local up rest
  read -r up rest </proc/uptime
  echo "$1 $DROVER_INSTANCE_ID $DROVER_ATTEMPT ${DROVER_FENCE:--} $up $nonce $2" >>"$witness"
}
[ "$kind" = stubborn ] && trap '' TERM
tell start -
[ "$kind" = daemon ] && { setsid sleep 300 & }
# Tenths of a second are waited for by a read that nothing answers: no process of its own.
exec 9<> <(:)
for ((i = 1; i <= lines; i++)); do
  echo "line $i of $lines $nonce"
  read -r -t "$((tenths / lines / 10)).$((tenths * 10 / lines % 100 / 10))$((tenths * 10 / lines % 10))" -u 9
done
tell end "$code"
[ "$kind" = crash ] && kill -KILL $$
exit "$code"
