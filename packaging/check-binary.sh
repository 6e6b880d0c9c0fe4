#!/bin/sh
# Does the module $1 load wherever it is meant to, on the architecture $2 and in the series $3 of httpd?
# It must ask for nothing that its glibc, and the oldest httpd with its APR, do not have.
set -eu

file=$1
arch=$2
httpd=$3
. "$(dirname "$0")/check-lib.sh"

base=$tools/httpd-$(base "$httpd")
# httpd.bin is the program where httpd is a script that starts it.
program=$base/bin/httpd.bin
[ -e "$program" ] || program=$base/bin/httpd
exported=$(exported "$program" "$base"/lib/libapr-1.so "$base"/lib/libaprutil-1.so)
none "$(echo "$undefined" | grep '^ap[ru]\?_' | grep -Fxv "$exported")" \
    "needs of httpd what $base does not export"

# Else any other symbol that nobody has would only be found missing when httpd starts.
none "$(echo "$undefined" | grep -Ev '@GLIBC_|^ap[ru]?_' | grep -Fxv "$exported")" \
    "needs what neither httpd nor glibc has"

exports=$(exported "$file")
none "$([ "$exports" = maintenance_module ] || echo "${exports:-nothing}")" \
    "has to export maintenance_module and nothing else, and exports"

none "$(strings -n 8 "$file" | grep -Fo X-Provoke-Panic)" "has the feature provoke-panic"
none "$(strings -n 8 "$file" | grep -Fo X-Provoke-Defect)" "has the feature provoke-defect"

finish " $(echo "$undefined" | grep -c '^ap[ru]\?_') symbols of httpd,"
