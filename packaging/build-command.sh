#!/bin/sh
# Builds maintenancectl for release, and copies it to $1: for x86_64 Linux with glibc 2.17 or newer.
set -eu

tools=$(realpath "$(dirname "$0")/../target/tools")
target=x86_64-unknown-linux-gnu

# As for the module, see build-module.sh.
RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$(pwd)=."
export RUSTFLAGS
export CARGO_ZIGBUILD_PYTHON_PATH="$tools/zig/bin/python"
PATH=$tools/bin:$PATH "${CARGO:-cargo}" zigbuild --release --locked --package maintenancectl \
    --features etcd --target $target.2.17

install -D -m 755 "${CARGO_TARGET_DIR:-target}/$target/release/maintenancectl" "$1"
