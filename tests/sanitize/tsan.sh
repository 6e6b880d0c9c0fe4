#!/usr/bin/env bash
# ThreadSanitizer in the unit tests and in Rust's standard library. Before that, a planted data race
# has to be reported. $NIGHTLY is the toolchain.
#
# Not with httpd: what it and APR lock is not seen unless they are built so, too. What processes
# share is shared by threads in the unit tests.
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
