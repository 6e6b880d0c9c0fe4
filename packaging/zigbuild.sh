#!/bin/sh
# Builds for release, with the compiler of releases and zig's linker, which knows the symbols of every
# glibc: zigbuild.sh ARCH HTTPD ARGUMENTS-OF-CARGO... Prints the folder of what it has built.
# PROFILE is another one than that of releases, and VERB another command of cargo-zigbuild, for tests.
set -eu

. "$(dirname "$0")/target.sh"
choose "$1" "$2"
shift 2
profile=${PROFILE:-symbols}
RUSTUP_TOOLCHAIN=$("$packaging/toolchain.sh" "$target")
export RUSTUP_TOOLCHAIN

# Paths of this machine tell nobody anything, and would make other bytes in every folder.
RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$(pwd)=."
# Connects a file with its symbols.
RUSTFLAGS="$RUSTFLAGS -Clink-arg=-Wl,--build-id=sha1"
if [ -e "$packaging/${target%%-*}.c" ]; then
    # A path relative to the workspace, for cargo makes it a part of each symbol's name.
    object=target/tools/${target%%-*}.o
    "$tools/zig/bin/python" -m ziglang cc -target "$zig" -O2 -fPIC -g0 \
        -mabi=ibmlongdouble -c "$packaging/${target%%-*}.c" -o "$object"
    RUSTFLAGS="$RUSTFLAGS -Clink-arg=$object"
fi
export RUSTFLAGS
CFLAGS="${CFLAGS-} -ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=cargo -ffile-prefix-map=$(pwd)=."
export CFLAGS

# zig compiles its libunwind itself, with symbols that name this folder, and has no option against that:
# its compiler takes the name from PWD, if that leads here. What was compiled elsewhere is not taken.
export PWD=/proc/self/cwd
export ZIG_GLOBAL_CACHE_DIR="$tools/zig-cache"

# cargo-zigbuild would prefer the ziglang of a python3 on PATH.
export CARGO_ZIGBUILD_PYTHON_PATH="$tools/zig/bin/python"
PATH=$tools/bin:$PATH cargo-zigbuild "${VERB:-zigbuild}" --profile "$profile" --locked --target "$target.$glibc" "$@" >&2
[ "$profile" != dev ] || profile=debug
echo "${CARGO_TARGET_DIR:-target}/$target/$profile"
