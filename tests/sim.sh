#!/bin/sh
# Lives many simulated worlds: tests/sim.sh [RUNS [WORLDS]]
#
# RUNS are runs of flow in all, a million unless said otherwise. With WORLDS, each planted mistake is
# looked for in so many worlds, and a row of the table in book/src/design/simulation.md tells how many
# show it; without, until one does. SIM_FIRST=N begins with seed N.
#
# Of what the tests are built with, flow alone is built once more, optimised; in parts that are not kept
# for the next time, since those are many and less is inlined between them.
set -eu
cd "$(dirname "$0")/.."
SIM_RUNS=${1:-1000000} SIM_MISTAKES=${2:-0} CARGO_INCREMENTAL=0 \
    cargo test --config 'profile.dev.package.flow.opt-level=2' --test simulation -- \
    --nocapture --test-threads 1
