#!/bin/sh
# The fault suite: what can go wrong, injected into the flow on PATH, or into FLOW=path/to/flow.
#
#   tests/faults/run.sh [FAMILY…] [OPTION…]      see run.py --help
#
# Needs Python 3.11 and Linux. Scenarios for root are skipped, and counted, without it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -n "${FLOW:-}" ]; then
    PATH=$(cd "$(dirname "$FLOW")" && pwd):$PATH
    export PATH
fi
PYTHONDONTWRITEBYTECODE=1 exec python3 "$here/run.py" "$@"
