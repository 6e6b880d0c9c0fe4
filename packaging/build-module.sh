#!/bin/sh
# Builds the module for release, against the httpd that the apxs $1 belongs to, and copies it to
# $2: for x86_64 Linux with glibc 2.17 or newer. Further arguments go to cargo.
set -eu

apxs=$(realpath "$1")
module=$2
shift 2
tools=$(realpath "$(dirname "$0")/../target/tools")
target=x86_64-unknown-linux-gnu

# A panic's message names source files, and those of the build machine tell nobody anything.
RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$(pwd)=."
export RUSTFLAGS
# cargo-zigbuild would prefer the ziglang of a python3 on PATH.
export CARGO_ZIGBUILD_PYTHON_PATH="$tools/zig/bin/python"
APXS=$apxs PATH=$tools/bin:$PATH "${CARGO:-cargo}" zigbuild --release --locked --target $target.2.17 "$@"

install -D -m 644 "${CARGO_TARGET_DIR:-target}/$target/release/libmod_maintenance.so" "$module"
