#!/bin/bash
# Stops the Grid Engine that sge-up.sh started in $CLUSTER_DIR, and the jobs that it runs.
#
# Only processes that carry this cell in their environment are ended, one by one.
set -euo pipefail
root=${CLUSTER_DIR:?where is the cell?}
shopt -s nullglob

is_ours() { grep -qszx "SGE_ROOT=$root" "/proc/$1/environ" 2> /dev/null; }

end_all() {
    local pid
    for pid in $(pgrep -x "$1" || true); do
        if is_ours "$pid"; then kill -KILL "$pid" 2> /dev/null || true; fi
    done
}

# The execution daemon first: it would report the end of its jobs.
end_all sge_execd
for file in "$root"/spool/execd/*/active_jobs/*/job_pid; do
    pid=$(tr -dc 0-9 < "$file")
    if [[ -n $pid ]] && is_ours "$pid"; then kill -KILL -- "-$pid" 2> /dev/null || true; fi
done
end_all sge_shepherd
end_all sge_qmaster
