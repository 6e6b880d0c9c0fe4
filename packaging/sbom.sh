#!/bin/sh
# Writes what the module and the command are made of on any of the targets, as CycloneDX documents, into
# the folder $1.
set -eu

. "$(dirname "$0")/target.sh"
dist=$(realpath "$1")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# cargo-cyclonedx writes a file for each package of the workspace, beside its Cargo.toml.
work=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-sbom.XXXXXX")
trap 'rm -rf "$work"' EXIT
git ls-files -z | xargs -0 cp --parents --target-directory "$work"

for package in mod_maintenance:. maintenancectl:crates/maintenancectl; do
    name=${package%:*}
    folder=$work/${package#*:}
    features=
    [ "$name" != maintenancectl ] || features="--features etcd"
    # shellcheck disable=SC2086 # two words
    (cd "$folder" && PATH=$tools/bin:$PATH "${CARGO:-cargo}" cyclonedx --quiet --format json \
        --spec-version 1.5 --target all --no-build-deps $features --override-filename sbom.cdx)
    # The folder of the sources is this machine's.
    sed "s|path+file://$work|path+file:///mod_maintenance|g" "$folder/sbom.cdx.json" \
        > "$dist/$name-$(version).cdx.json"
done
