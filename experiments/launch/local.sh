#!/usr/bin/env bash
# Several processes on one machine: local.sh NUMBER FLAGS...   Stops all if one fails.
set -euo pipefail
number=$1
shift
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
trap 'kill -TERM $(jobs -p) 2>/dev/null || true' TERM INT
for ((i = 0; i < number; i++)); do
  python -m hwgan.main "$@" --coordinator="127.0.0.1:$port" --num_processes="$number" --process_id="$i" &
done
status=0
for job in $(jobs -p); do
  wait "$job" || status=$?
done
exit "$status"
