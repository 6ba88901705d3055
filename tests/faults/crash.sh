#!/bin/sh
# Stops the flow on PATH, or FLOW=path/to/flow, at every system call on its state; see crash.py.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -n "${FLOW:-}" ]; then
    PATH=$(cd "$(dirname "$FLOW")" && pwd):$PATH
    export PATH
fi
PYTHONDONTWRITEBYTECODE=1 exec python3 "$here/crash.py" "$@"
