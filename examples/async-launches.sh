#!/bin/sh
# Ten launches, none of which is waited for: each prints the id of its request and returns.
set -eu
requests=''
for i in 1 2 3 4 5 6 7 8 9 10; do
  requests="$requests $(drover launch -c "job-$i" -n "job-$i" -y --async "echo hello Drover $i")"
done
echo "requests: $(echo $requests | wc -w)"
for request in $requests; do drover request logs "$request" >/dev/null; done
for i in 1 2 3 4 5 6 7 8 9 10; do drover job logs "job-$i" | grep hello | sed 's/^([^)]*) //'; done
drover cluster list --json | grep -o '"status":"UP"' | wc -l
for i in 1 2 3 4 5 6 7 8 9 10; do drover cluster down "job-$i" -y --async >/dev/null; done
