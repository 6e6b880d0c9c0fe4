#!/bin/sh
# Does the command $1 run wherever the module does? It must ask for nothing that glibc 2.17 does not
# have, and for no other library.
set -eu

file=$1
. "$(dirname "$0")/check-lib.sh"

none "$("$file" --version 2>&1 | grep -v '^maintenancectl [0-9]')" "does not run"

finish ""
