#!/bin/sh
# A round trip with each module for httpd 2.2 that `make dist` has built, in an httpd 2.2.34 of that
# architecture with each of the MPMs worker and prefork.
set -eu

. "$(dirname "$0")/target.sh"

# shellcheck disable=SC2034 # a line has more fields
targets "" 2.2 | while read -r arch httpd rest; do
    suffix=
    [ "$arch" = "$(uname -m)" ] || suffix=-$arch
    for mpm in worker prefork; do
        folder=$tools/httpd-2.2.34$suffix
        [ $mpm = worker ] || folder=$folder-$mpm
        MPM=$mpm "$packaging/install-httpd.sh" "2.2.34$suffix" "$folder"
        echo "Trying $folder"
        APXS=$folder/bin/apxs "$packaging/../httpd-test/demo.sh" \
            "target/built/$arch-2.2/mod_maintenance.so" "target/built/$(uname -m)/maintenancectl" < /dev/null
    done
done
