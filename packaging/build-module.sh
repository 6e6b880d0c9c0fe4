#!/bin/sh
# Builds the module for release, for the architecture $1 and the series $2 of httpd, and copies it to
# $3, its symbols to $3.debug. HTTPD_INCLUDE_DIR may name other headers. Further arguments go to cargo.
set -eu

here=$(dirname "$0")
arch=$1
httpd=$2
module=$3
shift 3

HTTPD_INCLUDE_DIR=${HTTPD_INCLUDE_DIR:-$("$here/headers.sh" "$arch" "$httpd")}
export HTTPD_INCLUDE_DIR
built=$("$here/zigbuild.sh" "$arch" "$httpd" "$@")
"$here/strip.sh" "$built/libmod_maintenance.so" "$module" 644
