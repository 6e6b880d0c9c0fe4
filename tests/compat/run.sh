#!/bin/sh
# Runs the tests with the httpd of the apxs $1 and the module $2, except those named in the file $3, if
# there is one.
set -eu

echo "Testing $2 in the httpd of $1"
skip=
if [ $# -gt 2 ]; then
    skip=$(sed 's/#.*//; /^ *$/d; s/^/--skip /' "$3")
fi
# MAINTENANCE_APXS and not APXS, which would cause a rebuild.
# shellcheck disable=SC2086 # one word each
MAINTENANCE_APXS=$(realpath "$1") MAINTENANCE_MODULE=$2 \
    "${CARGO:-cargo}" test --locked --features provoke-panic --test httpd -- --exact $skip
