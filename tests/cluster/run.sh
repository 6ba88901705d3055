#!/bin/bash
# Runs the suite on a real Grid Engine, which it starts and stops: `tests/cluster/run.sh [TEST…]`.
#
# It takes root and Debian; elsewhere it says so and does nothing. $CLUSTER_JOBS is how many jobs are
# measured beside a bare loop (300): CLUSTER_JOBS=2000 tests/cluster/run.sh flow_is is the full measure,
# which takes ten minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [[ $(id -u) != 0 ]] || ! command -v apt-get > /dev/null; then
    echo "SKIPPED: the suite on a real Grid Engine takes root, and Debian's packages" >&2
    exit 0
fi
CLUSTER_DIR=${CLUSTER_DIR:-$(mktemp -d)}
export CLUSTER_DIR
trap 'tests/cluster/sge-down.sh' EXIT
tests/cluster/sge-up.sh
# shellcheck source=/dev/null
. "$CLUSTER_DIR/env.sh"
cargo build --quiet --package drmaa-sys --example bare_loop
export CLUSTER_TESTS=1
suite() { cargo test --quiet --test cluster -- --nocapture --test-threads=1 "$@"; }
if (($#)); then
    suite "$@"
else
    suite --skip a_master
    # Last: a master that comes back learns of what has ended only ten minutes later, and keeps the places.
    suite a_master
fi
