#!/usr/bin/env bash
# Several processes on one machine: local.sh NUMBER FLAGS...   Stops all if one fails.
set -euo pipefail
number=$1
shift
port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
jobs=()
stopped=
stop() { # once, for a second signal would cut off what saves its state
  [[ $stopped ]] || kill -TERM "${jobs[@]}" 2>/dev/null || true
  stopped=yes
}
signals=0
trap 'signals=$((signals + 1)); stop' TERM INT
for ((i = 0; i < number; i++)); do
  python -m hwgan.main "$@" --coordinator="127.0.0.1:$port" --num_processes="$number" --process_id="$i" &
  jobs+=($!)
done
status=0
for ((ended = 0; ended < number;)); do
  code=0 before=$signals
  wait -n || code=$?
  ((signals == before)) || continue # a signal ended the wait, and no process did
  ended=$((ended + 1))
  if ((code)); then
    ((status)) || status=$code
    stop
  fi
done
exit "$status"
