#!/bin/sh
# Kills the engine of random runs so often, and damages a history as often: tests/kills.sh 500
#
# FLOW_KILLS counts kills; each goes to the engine, to the supervisor, to both or is a SIGTERM. As
# many runs have a history with flipped bits and one that was cut off; plans have one cut at each byte.
set -eu
cd "$(dirname "$0")/.."
FLOW_KILLS=${1:-500} cargo test --test kills -- --nocapture a_run_may_be_killed never_make
