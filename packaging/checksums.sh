#!/bin/sh
# Writes SHA256SUMS for everything in the folder $1, and with SIGN_KEY a signature of it.
set -eu

cd "$1"
rm -f SHA256SUMS SHA256SUMS.asc
if [ -n "${SIGN_KEY-}" ]; then
    for package in *.rpm; do
        [ ! -e "$package" ] || rpmsign --addsign --define "_gpg_name $SIGN_KEY" --define "__gpg $(command -v gpg)" \
            "$package" > /dev/null
    done
fi
LC_ALL=C sha256sum -- *.* > ../SHA256SUMS.new
mv ../SHA256SUMS.new SHA256SUMS
if [ -n "${SIGN_KEY-}" ]; then
    gpg --batch --yes --armor --local-user "$SIGN_KEY" --detach-sign SHA256SUMS
    gpg --verify SHA256SUMS.asc SHA256SUMS
fi
