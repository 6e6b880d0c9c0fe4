#!/bin/sh
# Tries the module $1, as it is released, in the httpd of each apxs that follows: a round trip, and
# that the panic guard still catches what the release's own linker and unwinder throw.
set -eu

module=$(realpath "$1")
shift
dir=target/test-dist

# A test takes the module with this feature from its own folder.
"$(dirname "$0")/build-module.sh" "$1" $dir/libmod_maintenance.so --features provoke-panic
"${CARGO:-cargo}" test --locked --features provoke-panic --test httpd --no-run
test=$("${CARGO:-cargo}" test --locked --features provoke-panic --test httpd --no-run \
    --message-format json 2>/dev/null | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
install -m 755 "$test" $dir/httpd

for apxs; do
    echo "Trying $apxs"
    APXS=$apxs httpd-test/demo.sh "$module" target/dist/maintenancectl < /dev/null
    APXS=$apxs MAINTENANCE_MODULE=$module $dir/httpd panics::
done
