#!/usr/bin/env bash
# Unit tests under Miri, which knows what Rust leaves undefined, and lets threads see what weak
# memory allows. Before that, planted defects have to be reported. $NIGHTLY is the toolchain.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/sanitize/expect.sh
. tests/sanitize/expect.sh

cargo=${CARGO:-cargo}
interpreted() {
    RUSTUP_TOOLCHAIN=$NIGHTLY CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/miri \
        "$cargo" miri test --locked --package "$@"
}

# Real files and the real clock.
flags="-Zmiri-disable-isolation -Zmiri-strict-provenance"
export MIRIFLAGS=$flags
for defect in "data_race:Data race detected" "use_after_free:has been freed" \
    "out_of_bounds:beyond the end of the allocation" "misaligned:alignment"; do
    expect "${defect#*:}" interpreted planted_defects -- --ignored "${defect%%:*}"
done
tests=$(sed 's/#.*//; /^ *$/d' tests/sanitize/miri-tests)
# shellcheck disable=SC2086 # words
interpreted maintenance_core -- $tests
# What threads do at the same time depends on chance.
MIRIFLAGS="$flags -Zmiri-many-seeds=0..${SEEDS:-8}" interpreted maintenance_core -- arc_cell::
