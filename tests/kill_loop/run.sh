#!/bin/bash
# `kill -9` at random moments under load, a thousand times unless told otherwise: nothing acknowledged may be lost.
# proves: A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A14
#
#   tests/kill_loop/run.sh [KILLS]
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release -p server
export WAYPOST_KILLS=${1:-1000} WAYPOST_BINARY=${CARGO_TARGET_DIR:-$PWD/target}/release/waypost
exec cargo test --quiet -p e2e --test kill_loop -- --nocapture
