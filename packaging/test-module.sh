#!/bin/sh
# Tries the module $1 and the command $2, as they are released, in the httpd of each apxs that follows: a
# round trip, and that the panic guard still catches what the release's own linker and unwinder throw.
set -eu

here=$(dirname "$0")
module=$(realpath "$1")
command=$(realpath "$2")
shift 2
panics=target/test-dist/provoke-panic.so

"$here/build-module.sh" "$(uname -m)" 2.4 $panics --package mod_maintenance --features provoke-panic
for apxs; do
    echo "Trying $apxs"
    APXS=$apxs httpd-test/demo.sh "$module" "$command" < /dev/null
    MAINTENANCE_APXS=$apxs MAINTENANCE_MODULE=$module MAINTENANCE_PANIC_MODULE=$panics \
        "${CARGO:-cargo}" test --locked --features provoke-panic --test httpd panics::
done
