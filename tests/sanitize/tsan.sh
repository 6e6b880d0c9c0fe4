#!/usr/bin/env bash
# ThreadSanitizer in the unit tests and in Rust's standard library. Before that, a planted data race
# must be reported. $NIGHTLY is the toolchain.
#
# Not with httpd: its locks and those of APR are not seen unless they are built with the sanitizer, too.
# In the unit tests, threads share what processes share in httpd.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/sanitize/expect.sh
. tests/sanitize/expect.sh

cargo=${CARGO:-cargo}
sanitized() {
    RUSTUP_TOOLCHAIN=$NIGHTLY CARGO_PROFILE_DEV_OPT_LEVEL=1 RUSTFLAGS=-Zsanitizer=thread \
        CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/tsan \
        "$cargo" test --locked -Zbuild-std --target x86_64-unknown-linux-gnu --package "$@"
}

export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
sanitized maintenance_core --no-run
expect "ThreadSanitizer: data race" sanitized planted_defects -- --ignored data_race
sanitized maintenance_core
