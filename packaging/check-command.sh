#!/bin/sh
# Does the command $1 run wherever the module does? It must ask for nothing that glibc 2.17 does not
# have, and for no other library.
set -eu

command=$1
failed=0

# What $1 says has to be empty; $2 is the complaint.
none() {
    [ -z "$1" ] && return
    echo "$command $2:" >&2
    echo "$1" | sed 's/^/    /' >&2
    failed=1
}

needed=$(readelf --wide --dynamic "$command" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
versions=$(readelf --wide --dyn-syms "$command" | sed -n 's/.*@GLIBC_\([0-9.]*\).*/\1/p' | sort -Vu)

none "$(for version in $versions; do
    [ "$(printf '%s\n2.17\n' "$version" | sort -V | tail -n 1)" = 2.17 ] || echo "$version"
done)" "needs a glibc newer than 2.17"

none "$(echo "$needed" | grep -Ev '^(lib(c|m|pthread|dl|rt)\.so\.[0-9]|ld-linux-x86-64\.so\.2)$')" \
    "needs a library that is not glibc's"

none "$(strings -n 8 "$command" | grep -F -e "$(pwd)/" -e "$HOME/" | head -n 5)" \
    "names folders of this machine"

none "$("$command" --version 2>&1 | grep -v '^maintenancectl [0-9]')" "does not run"

[ "$failed" -eq 0 ] || exit 1
echo "$command: glibc $(echo "$versions" | tail -n 1) or newer, needs $(echo "$needed" | paste -sd ' ')"
