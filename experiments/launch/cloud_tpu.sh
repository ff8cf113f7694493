#!/usr/bin/env bash
# cloud_tpu.sh NAME ZONE FLAGS...   Runs on every host of a TPU VM or pod that has the project in ~/hwgan, installed with [tpu].
# --distributed lets jax ask the TPU runtime for its peers.
set -euo pipefail
name=$1 zone=$2
shift 2
gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker=all \
  --command="cd ~/hwgan && python -m hwgan.main --distributed $(printf '%q ' "$@")"
