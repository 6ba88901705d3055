#!/usr/bin/env bash
# Holds tree-sitter's parser against the corpus. With the tree-sitter program at hand, or with
# `check.sh --install`, also that parser.c is what grammar.js makes, and the grammar's own tests.
set -euo pipefail
cd "$(dirname "$0")"

version=0.27.1
target=${CARGO_TARGET_DIR:-$PWD/../target}
tools=$target/tools

# Its C code is compiled on its own, so that flow itself needs no C compiler.
CARGO_TARGET_DIR=$target/grammar cargo test --manifest-path agree/Cargo.toml --locked

PATH=$tools/bin:$PATH
if [[ ${1:-} == --install ]] && ! tree-sitter --version 2> /dev/null | grep -q " $version"; then
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_TARGET_DIR=$target/tools-build \
        cargo install tree-sitter-cli --version "$version" --locked --no-default-features --root "$tools"
fi
if ! tree-sitter --version 2> /dev/null | grep -q " $version"; then
    echo "tree-sitter $version is not installed: parser.c is taken as it is"
    exit
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
cp -r tree-sitter-flow/. "$fresh"
(cd "$fresh" && tree-sitter generate && XDG_CACHE_HOME=$fresh/cache tree-sitter test)
diff -r tree-sitter-flow/src "$fresh/src"
echo "parser.c is what grammar.js makes"
