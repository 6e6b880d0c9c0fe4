#!/usr/bin/env bash
# AddressSanitizer and UndefinedBehaviorSanitizer in C, in Rust and in Rust's standard library, for
# the unit tests and for the tests with httpd, which loads the sanitizers' runtime. Before that,
# planted defects of each kind must be reported. $NIGHTLY is the toolchain.
set -euo pipefail
cd "$(dirname "$0")/../.."

here=tests/sanitize
# shellcheck source=tests/sanitize/expect.sh
. $here/expect.sh
cargo=${CARGO:-cargo}
platform=x86_64-unknown-linux-gnu
built=${CARGO_TARGET_DIR:-target}/asan
# One runtime for both languages.
runtime=$(clang-14 -print-file-name=libclang_rt.asan-x86_64.so)

# Rust itself checks overflows, bounds and alignment in a build with debug assertions; clang checks
# C's undefined behaviour, except members of null, because APR's macros compute their offsets. Reading
# such a member is still reported.
sanitized() {
    RUSTUP_TOOLCHAIN=$NIGHTLY CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_TARGET_DIR=$built \
        RUSTFLAGS="-Zsanitizer=address -Zexternal-clangrt -Clink-arg=$runtime -Cforce-frame-pointers=yes" \
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="env LD_PRELOAD=$runtime" \
        CC_x86_64_unknown_linux_gnu=clang-14 \
        CFLAGS_x86_64_unknown_linux_gnu="-fsanitize=address,undefined -fno-sanitize=null,object-size -fno-sanitize-recover=all -fno-omit-frame-pointer -g" \
        "$cargo" "$1" --locked -Zbuild-std --target $platform "${@:2}"
}

ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-14)
export ASAN_SYMBOLIZER_PATH
# No leak detection: it does not search the mapped memory of APR's pools for pointers, and unit tests
# leave 'static data behind. tests/valgrind.rs checks for leaks.
export ASAN_OPTIONS=abort_on_error=1:strict_string_checks=1:check_initialization_order=1:detect_leaks=0
export UBSAN_OPTIONS=print_stacktrace=1

planted() {
    sanitized test --package planted_defects -- --ignored "$1"
}
sanitized test --package maintenance_core --package planted_defects --no-run
for defect in use_after_free:heap-use-after-free out_of_bounds:heap-buffer-overflow; do
    expect "${defect#*:}" planted "${defect%%:*}"
done
expect "misaligned pointer" planted misaligned
sanitized test --package maintenance_core

sanitized build --features provoke-panic,provoke-defect
export MAINTENANCE_PRELOAD=$runtime MAINTENANCE_MODULE=$built/$platform/debug/libmod_maintenance.so
httpd() {
    "$cargo" test --locked --features provoke-defect --test httpd -- "$@"
}
httpd --ignored defects::
skip=$(sed 's/#.*//; /^ *$/d; s/^/--skip /' $here/skip-asan)
# shellcheck disable=SC2086 # one word each
httpd $skip
