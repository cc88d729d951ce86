#!/bin/sh
# Requests from the command line: Ctrl-C leaves one to the head, where it is listed, read again, and cancelled.
set -eu
cat >slow.yaml <<'YAML'
setup: echo preparing; sleep 600
run: echo never reached
YAML

# Says what it considers and what it does, until it is interrupted; then, how to come back to it.
drover launch -c my-cluster -y slow.yaml >launch.log 2>hints.log &
launch=$!
until grep -q preparing launch.log; do sleep 0.1; done
kill -INT "$launch"
wait "$launch" || echo "left with $?"
request=$(sed -n 's/^request \([0-9a-f]*\) goes on$/\1/p' hints.log)
sed "s/$request/REQUEST/" hints.log

another=$(drover launch -c another -y --async slow.yaml)
echo "under way: $(drover request list --json | grep -o '"name":"launch"' | wc -l)"
drover request logs --no-follow --tail 1 "$request"

# The beginning of an id is enough.
drover request cancel -y "$request" "$another" >/dev/null
drover request logs "$request" >/dev/null 2>&1 || echo "its failure is the exit code"
echo "all: $(drover request list --all --json | grep -o '"status":"CANCELLED"' | wc -l) cancelled"
drover cluster down -y --all >/dev/null
