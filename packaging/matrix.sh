#!/bin/sh
# Prints what is released (packaging/targets) as JSON, for the jobs of a build service.
set -eu

. "$(dirname "$0")/target.sh"
# shellcheck disable=SC2034 # a line has more fields
targets | while read -r arch httpd rest; do
    printf '{"arch":"%s","httpd":"%s"}\n' "$arch" "$httpd"
done | paste -sd , | sed 's/.*/[&]/'
