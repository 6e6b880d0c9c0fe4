#!/bin/sh
# Builds maintenancectl for release, for the architecture $1, and copies it to $2, its symbols to
# $2.debug. The series of httpd, of which it knows nothing, may be any that is released for $1.
set -eu

here=$(dirname "$0")
built=$("$here/zigbuild.sh" "$1" "" --package maintenancectl --features etcd)
"$here/strip.sh" "$built/maintenancectl" "$2" 755
