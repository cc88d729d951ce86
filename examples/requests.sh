#!/bin/sh
# Requests from the command line: Ctrl-C leaves one to the head; it is listed, read again, and cancelled.
set -eu
# Prints the plan, then the steps, and waits for the end; here it is interrupted before that.
drover launch -c my-cluster --cpus 1 -y 'sleep 600' >launch.log 2>&1 &
