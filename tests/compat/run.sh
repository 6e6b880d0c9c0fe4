#!/bin/sh
# Runs the tests in the httpd that the apxs $1 belongs to, with the module $2, but for those that the
# file $3 names, if there is one.
set -eu

echo "Testing $2 in the httpd of $1"
skip=
if [ $# -gt 2 ]; then
    skip=$(sed 's/#.*//; /^ *$/d; s/^/--skip /' "$3")
fi
# MAINTENANCE_APXS and not APXS, for which the build would begin anew.
# shellcheck disable=SC2086 # a word each
MAINTENANCE_APXS=$(realpath "$1") MAINTENANCE_MODULE=$2 \
    "${CARGO:-cargo}" test --locked --features provoke-panic --test httpd -- --exact $skip
