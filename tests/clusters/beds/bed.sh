#!/usr/bin/env bash
# Process 1 of a test bed: bed.sh NAME FOLDER [ARGUMENT...] starts NAME.sh beside it and ends with standard input.
# It runs in namespaces of its own: mounts, host name, network, processes.
set -eu
read -r outer_pid _ </proc/self/stat # still that of the namespace outside
mount -t proc proc /proc
name=$1
shift
export BED_PID=$outer_pid
bash "$(dirname "${BASH_SOURCE[0]}")/$name.sh" "$@" </dev/null &
exec >&-
while read -r _; do :; done
# With process 1 all others end.
