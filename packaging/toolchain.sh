#!/bin/sh
# Prints the name of the compiler of releases for rustup, and installs it with the standard library
# for each of the targets that follow. Without rustup, the rustc on PATH has to be that one.
set -eu

channel=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$(dirname "$0")/rust-toolchain.toml")
if command -v rustup > /dev/null; then
    rustup toolchain list | grep -q "^$channel" ||
        rustup toolchain install "$channel" --profile minimal --no-self-update >&2
    installed=$(rustup target list --toolchain "$channel" --installed)
    for target; do
        echo "$installed" | grep -Fqx "$target" ||
            rustup target add --toolchain "$channel" "$target" >&2
    done
else
    found=$(rustc --version)
    if [ "${found#rustc "$channel" }" = "$found" ]; then
        echo "Releases are built with rustc $channel, and this is $found. Install rustup" \
            "(https://rustup.rs), or Rust $channel." >&2
        exit 1
    fi
fi
echo "$channel"
