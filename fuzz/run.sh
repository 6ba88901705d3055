#!/usr/bin/env bash
# Runs every target, or those that are named, with the corpus of workflows as seeds:
#
#     fuzz/run.sh 60s                a minute for each target
#     fuzz/run.sh 10000000           ten million inputs for each
#     fuzz/run.sh 1000 pattern       a thousand for one
#
# MAX_LEN is the length of the longest input in bytes. What is found is put into fuzz/artifacts; a target
# that is given such a file runs it again. It takes the stable compiler, and one of C++ for libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/.."

amount=${1:-60s}
shift || true
targets=("$@")
if ((${#targets[@]} == 0)); then
    targets=(words parser workflow recipe pattern data records state repeated)
fi
case $amount in
    *s) limit=-max_total_time=${amount%s} ;;
    *) limit=-runs=$amount ;;
esac

# Crates that are not of the workspace are those of any release build.
RUSTC_WORKSPACE_WRAPPER=$PWD/fuzz/rustc cargo build --quiet --release --package flow-fuzz
programs=${CARGO_TARGET_DIR:-$PWD/target}/release

mkdir -p fuzz/artifacts
sh fuzz/seeds.sh fuzz/seeds
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    log=fuzz/artifacts/$target.log
    # Without -reload=0 it would look into the folder every second.
    if "$programs/$target" "fuzz/corpus/$target" "fuzz/seeds/$target" "$limit" \
        -max_len="${MAX_LEN:-4096}" -dict=fuzz/flow.dict -reload=0 -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$target-" > "$log" 2>&1; then
        echo "$target: $(sed -n 's/^Done \([0-9]*\) runs in \(.*\)/\1 inputs in \2/p' "$log")"
    else
        tail -n 60 "$log"
        echo "$target: failed; \`$programs/$target\` takes the file above as its argument"
        exit 1
    fi
done
