#!/bin/sh
# Packs the files in the folder $1 as a Debian package into the folder $2, with the control file $3 and,
# where they follow, conffiles and maintainer scripts. package.sh sets version, deb and glibc, and
# SOURCE_DATE_EPOCH, after which everything is dated.
set -eu

tree=$1
dist=$2
control=$3
shift 3

size=$(du -sk --apparent-size "$tree" | cut -f 1)
mkdir "$tree/DEBIAN"
# The sums with which debsums and dpkg --verify find files that have changed.
(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs md5sum) \
    > "$tree/DEBIAN/md5sums"
ids=$(find "$tree" -name '*.debug' | sed 's|.*/\(..\)/\(.*\)\.debug|\1\2|' | LC_ALL=C sort | paste -sd ' ')
sed "s/@VERSION@/$version/; s/@ARCH@/$deb/; s/@GLIBC@/$glibc/; s/@SIZE@/$size/; s/@BUILD_IDS@/$ids/" \
    "$control" > "$tree/DEBIAN/control"
for script; do
    case ${script##*/} in
        conffiles) mode=644 ;;
        *) mode=755 ;;
    esac
    install -m $mode "$script" "$tree/DEBIAN/"
done
chmod -R u=rwX,go=rX "$tree"
dpkg-deb --root-owner-group -Zxz --build "$tree" "$dist" > /dev/null
