#!/bin/sh
# Packs the module $1 and the command $2 into the folder $3, as a tarball for any Linux and as a Debian
# package. The same files and commit give the same bytes. $4 is another version than Cargo.toml's, for
# tests.
set -eu

module=$1
command=$2
dist=$3
here=$(dirname "$0")
version=${4:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Where [package.metadata.deb] in Cargo.toml looks for what is not in the repository.
stage=target/package
rm -rf "$stage"
mkdir -p "$stage" "$dist"
install -m 644 "$module" "$stage/mod_maintenance.so"
DESTDIR=$stage/command PREFIX=/usr "$here/install-command.sh" "$command" > "$stage/installed"
share=$stage/command/usr/share
"$here/third-party.sh" > "$stage/THIRD-PARTY"

name=mod_maintenance-$version-httpd-2.4-linux-x86_64
mkdir -p "$stage/$name/docs"
cp -r "$stage/command/usr/bin/maintenancectl" "$stage/command/usr/lib" "$share" "$stage/$name"
install -m 644 "$stage/mod_maintenance.so" "$stage/THIRD-PARTY" LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md \
    "$here/INSTALL.md" httpd-test/maintenance.conf "$stage/$name"
install -m 644 docs/* "$stage/$name/docs"
tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --mode=u=rwX,go=rX --format=ustar -cf - "$name" | gzip -9n > "$dist/$name.tar.gz"

maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
cat > "$stage/changelog" <<EOF
libapache2-mod-maintenance ($version-1) unstable; urgency=medium

  * Version $version; changelog.gz says what is new.

 -- $maintainer  $(LC_ALL=C date -R -u -d "@$SOURCE_DATE_EPOCH")
EOF
gzip -9nc CHANGELOG.md > "$stage/changelog.gz"
gzip -9nc "$stage/THIRD-PARTY" > "$stage/THIRD-PARTY.gz"
gzip -9n "$share"/man/man?/*
PATH=$(pwd)/target/tools/bin:$PATH "${CARGO:-cargo}" deb --quiet --locked --no-build --no-strip \
    --target x86_64-unknown-linux-gnu --deb-version "$version-1" --output "$dist"
