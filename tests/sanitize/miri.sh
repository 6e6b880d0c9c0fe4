#!/usr/bin/env bash
# Unit tests under Miri, which detects undefined behaviour and simulates weak memory. Before that,
# planted defects must be reported. $NIGHTLY is the toolchain.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/sanitize/expect.sh
. tests/sanitize/expect.sh

cargo=${CARGO:-cargo}
interpreted() {
    RUSTUP_TOOLCHAIN=$NIGHTLY CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/miri \
        "$cargo" miri test --locked --package "$@"
}

# Allows access to files and to the clock.
flags="-Zmiri-disable-isolation -Zmiri-strict-provenance"
export MIRIFLAGS=$flags
for defect in "data_race:Data race detected" "use_after_free:has been freed" \
    "out_of_bounds:beyond the end of the allocation" "misaligned:alignment"; do
    expect "${defect#*:}" interpreted planted_defects -- --ignored "${defect%%:*}"
done
tests=$(sed 's/#.*//; /^ *$/d' tests/sanitize/miri-tests)
# shellcheck disable=SC2086 # words
interpreted maintenance_core -- $tests
# The schedule of threads depends on the seed.
MIRIFLAGS="$flags -Zmiri-many-seeds=0..${SEEDS:-8}" interpreted maintenance_core -- arc_cell::
