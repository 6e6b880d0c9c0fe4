#!/bin/sh
# Builds, checks and packs what is released into target/dist: everything, or what ARCH and HTTPD choose
# (packaging/targets). With SIGN_KEY, which gpg has to know, SHA256SUMS and the RPM packages are signed.
set -eu

. "$(dirname "$0")/target.sh"
lines=$(targets "${ARCH-}" "${HTTPD-}")
dist=target/dist
rm -rf "$dist" target/built
mkdir -p "$dist"

# Writes the manual for all architectures.
built=target/built/$(uname -m)/maintenancectl
"$packaging/build-command.sh" "$(uname -m)" "$built"
"$packaging/check-command.sh" "$built" "$(uname -m)"

# shellcheck disable=SC2034 # a line has more fields
echo "$lines" | while read -r arch httpd rest; do
    if [ "$httpd" = 2.2 ]; then
        # One of the architecture, too, whose APR has other sizes.
        for each in "$(base 2.2)" $([ "$arch" = "$(uname -m)" ] || echo "$(base 2.2)-$arch"); do
            "$packaging/install-httpd.sh" "$each" "$tools/httpd-$each" < /dev/null
        done
    fi
    "$packaging/build-module.sh" "$arch" "$httpd" "target/built/$arch-$httpd/mod_maintenance.so" < /dev/null
    "$packaging/check-binary.sh" "target/built/$arch-$httpd/mod_maintenance.so" "$arch" "$httpd"
    built=target/built/$arch/maintenancectl
    if [ ! -e "$built" ]; then
        "$packaging/build-command.sh" "$arch" "$built" < /dev/null
        "$packaging/check-command.sh" "$built" "$arch"
    fi
    "$packaging/package.sh" "$arch" "$httpd" "$dist" < /dev/null
done

"$packaging/sbom.sh" "$dist"
"$packaging/checksums.sh" "$dist"
