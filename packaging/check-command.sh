#!/bin/sh
# Does the command $1 run on the architecture $2, wherever the module does? It must ask for nothing that
# its glibc does not have, and for no other library.
set -eu

file=$1
arch=$2
httpd=
. "$(dirname "$0")/check-lib.sh"

[ "$arch" != "$(uname -m)" ] ||
    none "$("$file" --version 2>&1 | grep -v '^maintenancectl [0-9]')" "does not run"

finish ""
