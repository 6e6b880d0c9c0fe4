#!/bin/sh
# Copies the file $1, of any architecture, to $2 without its symbols, with mode $3, and the symbols to
# $2.debug, where debuggers look for them by the build ID.
set -eu

mkdir -p "$(dirname "$2")"
llvm-objcopy --only-keep-debug "$1" "$2.debug"
chmod 644 "$2.debug"
llvm-objcopy --strip-all "$1" "$2.new"
chmod "$3" "$2.new"
mv "$2.new" "$2"
