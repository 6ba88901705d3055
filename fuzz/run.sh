#!/usr/bin/env bash
# Runs each target for some seconds (60, or the first argument), with the corpus of workflows as
# seeds. It takes cargo-fuzz and a nightly toolchain; findings stay in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-60}
for target in workflow recipe pattern; do
    mkdir -p "corpus/$target"
    cargo +nightly fuzz run "$target" "corpus/$target" ../tests/corpus/right ../tests/corpus/wrong ../tests/corpus/shell \
        -- -max_total_time="$seconds" -timeout=10 -max_len=4096
done
