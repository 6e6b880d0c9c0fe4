#!/bin/sh
# Signs a copy of the release in the folder $1 with a key made for this, and looks whether a changed file, a
# changed list and a changed package are found out.
set -eu

work=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-signature.XXXXXX")
trap 'gpgconf --kill gpg-agent; rm -rf "$work"' EXIT
export GNUPGHOME="$work/gnupg"
mkdir -m 700 "$GNUPGHOME"
cp -r "$1" "$work/dist"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Test <test@example.com>' rsa3072 sign never
SIGN_KEY=test@example.com "$(dirname "$0")/checksums.sh" "$work/dist" > "$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
gpg --armor --export test@example.com > "$work/key"
rpmkeys --dbpath "$work/keys" --import "$work/key"

fail() { echo "The signature failed: $1" >&2; exit 1; }
cd "$work/dist"
good() { gpg --quiet --verify SHA256SUMS.asc SHA256SUMS 2> /dev/null && sha256sum --quiet --check SHA256SUMS > /dev/null 2>&1; }
good || fail "what is good is not"
for package in *.rpm; do
    [ ! -e "$package" ] || rpmkeys --dbpath "$work/keys" -Kv "$package" | grep -q 'Signature.*: OK' ||
        fail "$package is not signed"
done
for file in *.gz *.deb *.rpm *.json; do
    [ -e "$file" ] || continue
    cp "$file" "$work/before"
    printf x >> "$file"
    ! good || fail "$file was changed"
    cp "$work/before" "$file"
done
good || fail "what is good is not any more"
echo >> SHA256SUMS
! good || fail "SHA256SUMS was changed"
echo "- signed and verified; changed files and a changed list are found out"
