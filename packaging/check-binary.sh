#!/bin/sh
# Does the module $1 load wherever it is meant to? It must ask for nothing that glibc 2.17, and the
# httpd in folder $2 with its APR, do not have.
set -eu

file=$1
httpd=$2
. "$(dirname "$0")/check-lib.sh"

# httpd.bin is the program where httpd is a script that starts it.
program=$httpd/bin/httpd.bin
[ -e "$program" ] || program=$httpd/bin/httpd
exported=$(for file in "$program" "$httpd"/lib/libapr-1.so "$httpd"/lib/libaprutil-1.so; do
    nm -D --defined-only "$file" | sed 's/.* //; s/@.*//'
done)
none "$(nm -D --undefined-only "$file" | sed -En 's/.* (ap[ru]?_.*)/\1/p' |
    grep -Fxv "$exported")" "needs of httpd what $httpd does not export"

# Else any other symbol that nobody has would only be found missing when httpd starts.
none "$(echo "$symbols" | awk '$5 == "GLOBAL" && $7 == "UND" { print $8 }' |
    grep -Ev '@GLIBC_|^ap[ru]?_' | grep -Fxv "$exported")" "needs what neither httpd nor glibc has"

exports=$(nm -D --defined-only "$file" | sed 's/.* //')
none "$([ "$exports" = maintenance_module ] || echo "${exports:-nothing}")" \
    "has to export maintenance_module and nothing else, and exports"

none "$(strings -n 8 "$file" | grep -Fo X-Provoke-Panic)" "has the feature provoke-panic"
none "$(strings -n 8 "$file" | grep -Fo X-Provoke-Defect)" "has the feature provoke-defect"

finish " $(echo "$exported" | grep -Fxc "$(nm -D --undefined-only "$file" | sed 's/.* //')") symbols of httpd,"
