#!/bin/sh
# Packs the files in the folder $1 as RPM packages into the folder $2, for the layout $3 (rhel or suse),
# with the version $4 and for the architecture $5. SOURCE_DATE_EPOCH dates everything.
set -eu

here=$(realpath "$(dirname "$0")")
top=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-rpm.XXXXXX")
trap 'rm -rf "$top"' EXIT

# For RHEL 7's rpm, too: a payload in gzip and no newer digests. The rest keeps time and machine out.
rpmbuild -bb --quiet --target "$5-linux" \
    --define "_topdir $top" --define "_rpmdir $top/out" --define "_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
    --define "stage $(realpath "$1")" --define "layout $3" --define "release_version $4" \
    --define "release_date $(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" \
    --define "_binary_payload w9.gzdio" --define "_buildhost reproducible" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    --define "source_date_epoch_from_changelog 0" \
    "$here/rpm/mod_maintenance.spec" > "$top/log" 2>&1 || { cat "$top/log" >&2; exit 1; }
cp "$top"/out/*.rpm "$2"
