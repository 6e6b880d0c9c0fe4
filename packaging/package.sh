#!/bin/sh
# Packs what was built for the architecture $1 and the series $2 of httpd into the folder $3: a tarball
# for any Linux and, for httpd 2.4, Debian and RPM packages; the debug symbols of each apart. The same
# files and commit give the same bytes. $4 is another version than Cargo.toml's, for tests.
set -eu

. "$(dirname "$0")/target.sh"
choose "$1" "$2"
dist=$(realpath -m "$3")
here=$packaging
version=${4:-$(version)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH version deb glibc
module=target/built/$arch-$httpd/mod_maintenance.so
command=target/built/$arch/maintenancectl
writer=target/built/$(uname -m)/maintenancectl
umask 022

stage=target/package/$arch-$httpd
rm -rf "$stage"
mkdir -p "$stage" "$dist"
pack() {
    find "$stage/$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        --mode=u=rwX,go=rX --format=ustar -cf - "$1" | gzip -9n > "$dist/$1.tar.gz"
}

# The symbols, where debuggers look for them by the build ID of the file.
debug=usr/lib/debug/.build-id
symbols() {
    for file in "$module" "$command"; do
        id=$(readelf --notes "$file" | sed -n 's/.*Build ID: //p')
        rest=${id#??}
        install -D -m 644 "$file.debug" "$1/$debug/${id%"$rest"}/$rest.debug"
    done
}

documents="README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md"
"$here/third-party.sh" "$target" > "$stage/THIRD-PARTY"

# The documentation with its examples, which are in folders.
install_docs() {
    find docs -type f -printf '%P\n' | while IFS= read -r file; do
        install -D -m 644 "docs/$file" "$1/$file"
    done
}

name=mod_maintenance-$version-httpd-$httpd-linux-$arch
files=$stage/$name
mkdir -p "$files"
DESTDIR=$stage/command PREFIX=/usr "$here/install-command.sh" "$command" "$writer" > /dev/null
cp -r "$stage/command/usr/bin/maintenancectl" "$stage/command/usr/lib" "$stage/command/usr/share" "$files"
# shellcheck disable=SC2086 # names without blanks
install -m 644 "$module" "$stage/THIRD-PARTY" LICENSE $documents "$here/INSTALL.md" \
    httpd-test/maintenance.conf "$files"
install_docs "$files/docs"
pack "$name"

name=$name-debuginfo
symbols "$stage/$name"
pack "$name"

[ "$deb" != - ] || exit 0

# Debian
tree=$stage/deb
doc=$tree/usr/share/doc/libapache2-mod-maintenance
mkdir -p "$tree/etc/apache2/mods-available" "$doc"
cp -r "$stage/command/." "$tree"
gzip -9n "$tree"/usr/share/man/man?/*
install -D -m 644 "$module" "$tree/usr/lib/apache2/modules/mod_maintenance.so"
install -m 644 "$here/debian/maintenance.load" httpd-test/maintenance.conf "$tree/etc/apache2/mods-available"
install -m 644 README.md CONTRIBUTING.md SECURITY.md "$here/debian/copyright" "$doc"
install_docs "$doc/docs"
gzip -9nc CHANGELOG.md > "$doc/changelog.gz"
gzip -9nc "$stage/THIRD-PARTY" > "$doc/THIRD-PARTY.gz"
gzip -9n > "$doc/changelog.Debian.gz" <<EOF
libapache2-mod-maintenance ($version-1) unstable; urgency=medium

  * Version $version; changelog.gz says what is new.

 -- $(sed -n 's/^Maintainer: //p' "$here/debian/control")  $(LC_ALL=C date -R -u -d "@$SOURCE_DATE_EPOCH")
EOF
"$here/deb.sh" "$tree" "$dist" "$here/debian/control" "$here/debian/conffiles" \
    "$here/debian/postinst" "$here/debian/prerm" "$here/debian/postrm"

tree=$stage/dbgsym
symbols "$tree"
mkdir -p "$tree/usr/share/doc"
ln -s libapache2-mod-maintenance "$tree/usr/share/doc/libapache2-mod-maintenance-dbgsym"
"$here/deb.sh" "$tree" "$dist" "$here/debian/control.dbgsym"

# Red Hat and SUSE
for layout in rhel suse; do
    tree=$stage/$layout
    case $layout in
        rhel) package=mod_maintenance config=etc/httpd modules=usr/lib64/httpd/modules ;;
        suse) package=apache2-mod_maintenance config=etc/apache2 modules=usr/lib64/apache2 ;;
    esac
    mkdir -p "$tree/$config/conf.d" "$tree/var/lib/maintenance" "$tree/usr/share/doc/$package"
    DESTDIR=$tree PREFIX=/usr ZSH=share/zsh/site-functions "$here/install-command.sh" "$command" "$writer" > /dev/null
    gzip -9n "$tree"/usr/share/man/man?/*
    install -D -m 644 "$module" "$tree/$modules/mod_maintenance.so"
    install -D -m 644 "$here/rpm/tmpfiles.conf" "$tree/usr/lib/tmpfiles.d/mod_maintenance.conf"
    install -m 644 "$here/rpm/maintenancectl.toml" "$tree/etc/maintenancectl.toml"
    {
        if [ $layout = suse ]; then
            # Where a2enmod has not loaded it already.
            printf '<IfModule !maintenance_module>\n    LoadModule maintenance_module /%s/mod_maintenance.so\n</IfModule>\n\n' \
                "$modules"
        else
            mkdir -p "$tree/$config/conf.modules.d"
            echo "LoadModule maintenance_module modules/mod_maintenance.so" \
                > "$tree/$config/conf.modules.d/10-maintenance.conf"
        fi
        sed "s|/etc/apache2|/$config|; s|^#MaintenanceFlag maintenance.flag|MaintenanceFlag /var/lib/maintenance/maintenance.flag|" \
            httpd-test/maintenance.conf
    } > "$tree/$config/conf.d/maintenance.conf"
    # shellcheck disable=SC2086 # names without blanks
    install -m 644 $documents "$stage/THIRD-PARTY" "$tree/usr/share/doc/$package"
    install_docs "$tree/usr/share/doc/$package/docs"
    install -D -m 644 LICENSE "$tree/usr/share/licenses/$package/LICENSE"
    symbols "$tree"
    "$here/rpm.sh" "$tree" "$dist" $layout "$version" "$arch"
done
