#!/bin/sh
# Kills the engine of random runs so often: tests/kills.sh 500
#
# FLOW_KILLS counts kills; each goes to the engine, to the supervisor, to both or is a SIGTERM.
set -eu
cd "$(dirname "$0")/.."
FLOW_KILLS=${1:-500} cargo test --test kills -- --nocapture a_run_may_be_killed
