#!/bin/sh
# Makes src/bindings.rs from include/drmaa.h.
#
#   generate.sh           writes it
#   generate.sh --check   says whether it is as it would be written
#
# It needs bindgen of the version below on PATH or in $BINDGEN (`cargo install --locked bindgen-cli
# --version …`), and libclang, which Debian has as libclang1-14. The crate itself needs neither.
set -eu
version=0.72.1
here=$(cd "$(dirname "$0")" && pwd)
bindgen=${BINDGEN:-bindgen}
found=$("$bindgen" --version | sed 's/^bindgen //')
if [ "$found" != "$version" ]; then
    echo "bindgen is $found, and the checked-in file was made by $version" >&2
    exit 1
fi
# The header's own stddef.h: libclang without clang does not bring one.
include=$(cc -print-file-name=include)
made=$(mktemp)
trap 'rm -f "$made"' EXIT
"$bindgen" "$here/include/drmaa.h" --dynamic-loading Drmaa --dynamic-link-require-all \
    --allowlist-function 'drmaa_.*' --allowlist-var 'DRMAA_.*' --no-doc-comments --no-layout-tests \
    --raw-line '//! The C interface, as bindgen makes it of include/drmaa.h: see generate.sh.' \
    --generate-cstr --wrap-unsafe-ops --rust-edition 2024 --rust-target 1.85 \
    --output "$made" -- "-I$include"
if [ "${1:-}" = --check ]; then
    diff -u "$here/src/bindings.rs" "$made"
    echo "src/bindings.rs is what bindgen $version makes of include/drmaa.h"
else
    cat "$made" > "$here/src/bindings.rs"
fi
