#!/usr/bin/env bash
# Measures the cold build of `cargo test` on this machine: everything but the download of the crates.
#   benches/cold_build.sh
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fetch --locked --quiet
target=$(mktemp -d)
trap 'rm -rf "$target"' EXIT
begin=$(date +%s)
CARGO_TARGET_DIR="$target" cargo test --workspace --no-run --locked --quiet
echo "cold build of \`cargo test\`: $(($(date +%s) - begin)) s on $(nproc) cores"
