#!/bin/sh
# Does the module $1 load wherever it is meant to? It must ask for nothing that glibc 2.17, and the
# httpd in folder $2 with its APR, do not have.
set -eu

module=$1
httpd=$2
failed=0

# What $1 says has to be empty; $2 is the complaint.
none() {
    [ -z "$1" ] && return
    echo "$module $2:" >&2
    echo "$1" | sed 's/^/    /' >&2
    failed=1
}

symbols=$(readelf --wide --dyn-syms "$module")
needed=$(readelf --wide --dynamic "$module" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')

versions=$(echo "$symbols" | sed -n 's/.* \([^ ]*@GLIBC_[^ ]*\).*/\1/p')
newer=$(for version in $(echo "$versions" | sed 's/.*@GLIBC_//' | sort -u); do
    [ "$(printf '%s\n2.17\n' "$version" | sort -V | tail -n 1)" = 2.17 ] || echo "$version"
done)
none "$(for version in $newer; do echo "$versions" | grep "@GLIBC_$version\$"; done)" \
    "needs a glibc newer than 2.17"

none "$(echo "$needed" | grep -Ev '^(lib(c|m|pthread|dl|rt)\.so\.[0-9]|ld-linux-x86-64\.so\.2)$')" \
    "needs a library that is not glibc's"

# httpd.bin is the program where httpd is a script that starts it.
program=$httpd/bin/httpd.bin
[ -e "$program" ] || program=$httpd/bin/httpd
exported=$(for file in "$program" "$httpd"/lib/libapr-1.so "$httpd"/lib/libaprutil-1.so; do
    nm -D --defined-only "$file" | sed 's/.* //; s/@.*//'
done)
none "$(nm -D --undefined-only "$module" | sed -En 's/.* (ap[ru]?_.*)/\1/p' |
    grep -Fxv "$exported")" "needs of httpd what $httpd does not export"

# Else any other symbol that nobody has would only be found missing when httpd starts.
none "$(echo "$symbols" | awk '$5 == "GLOBAL" && $7 == "UND" { print $8 }' |
    grep -Ev '@GLIBC_|^ap[ru]?_' | grep -Fxv "$exported")" "needs what neither httpd nor glibc has"

exports=$(nm -D --defined-only "$module" | sed 's/.* //')
none "$([ "$exports" = maintenance_module ] || echo "${exports:-nothing}")" \
    "has to export maintenance_module and nothing else, and exports"

none "$(strings -n 8 "$module" | grep -F -e "$(pwd)/" -e "$HOME/" | head -n 5)" \
    "names folders of this machine"

none "$(strings -n 8 "$module" | grep -Fo X-Provoke-Panic)" "has the feature provoke-panic"
none "$(strings -n 8 "$module" | grep -Fo X-Provoke-Defect)" "has the feature provoke-defect"

[ "$failed" -eq 0 ] || exit 1
echo "$module: glibc $(echo "$versions" | sed 's/.*@GLIBC_//' | sort -Vu | tail -n 1) or newer," \
    "$(echo "$exported" | grep -Fxc "$(nm -D --undefined-only "$module" | sed 's/.* //')") symbols of httpd, needs" \
    "$(echo "$needed" | paste -sd ' ')"
