#!/bin/sh
# Checks the packages in the folder $1.
set -eu

here=$(dirname "$0")
for package in "$1"/*.deb; do
    [ ! -e "$package" ] ||
        lintian --fail-on error --suppress-tags initial-upload-closes-no-bugs "$package"
done
for package in "$1"/*.rpm; do
    [ ! -e "$package" ] || rpmlint --config "$here/rpm/rpmlint.toml" "$package"
done
