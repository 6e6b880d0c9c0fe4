#!/bin/sh
# Writes to standard output whose libraries the module and the command contain that are built for the
# Rust target $1, and the licenses that want to be passed on with them.
set -eu

sources=${CARGO_HOME:-$HOME/.cargo}/registry/src

cat <<EOF
mod_maintenance and maintenancectl contain these libraries, compiled. Where one may be used under the Apache License,
Version 2.0, that is the license that was chosen, and it comes with them anyway. They also contain
parts of the Rust standard library (MIT OR Apache-2.0) and of LLVM's libunwind and compiler-rt
(Apache-2.0 WITH LLVM-exception).
EOF
"${CARGO:-cargo}" tree --locked --package mod_maintenance --package maintenancectl \
    --features maintenancectl/etcd --edges normal,no-proc-macro --target "$1" \
    --prefix none --format '{p} {l}' | grep -v '^mod_maintenance \|^maintenancectl \|^$\| (\*)$' | LC_ALL=C sort -u |
    while read -r name version license; do
        version=${version#v}
        printf '\n----------\n%s %s: %s\n' "$name" "$version" "$license"
        case $license in
            *AND*) ;;
            *Apache-2.0*) continue ;;
        esac
        for file in "$sources"/*/"$name-$version"/*; do
            case ${file##*/} in
                LICEN[CS]E* | licen[cs]e* | COPYING* | NOTICE*)
                    [ -d "$file" ] || { echo && cat "$file"; }
                    ;;
            esac
        done
    done
