#!/bin/sh
# Runs the tests with Debian's httpd and the module for the architecture $1, under qemu-user where this
# machine's processor cannot run them, except those named in tests/arch/skip. Further arguments choose
# tests. The tests, clients and backends are this machine's programs; httpd, module and maintenancectl
# are not.
set -eu

packaging=$(dirname "$0")/../../packaging
. "$packaging/target.sh"
choose "$1" ""
shift
bin=$("$packaging/../tests/arch/root.sh" "$arch")
root=$(dirname "$bin")
built=$(realpath -m "$packaging/../target/arch/$arch")

# The module as it is released, or one for httpd 2.4 where only modules for 2.2 are.
mkdir -p "$built/headers"
cp "$root"/usr/include/apache2/*.h "$root"/usr/include/apr-1.0/*.h "$built/headers"
module=$packaging/../target/built/$arch-2.4/mod_maintenance.so
if [ ! -e "$module" ]; then
    module=$built/module.so
    HTTPD_INCLUDE_DIR=$built/headers "$packaging/build-module.sh" "$arch" "" "$module"
fi
panics=$built/provoke-panic.so
HTTPD_INCLUDE_DIR=$built/headers PROFILE=dev \
    "$packaging/build-module.sh" "$arch" "" "$panics" --package mod_maintenance --features provoke-panic
command=$packaging/../target/built/$arch/maintenancectl
if [ ! -e "$command" ]; then
    command=$built/maintenancectl.bin
    PROFILE=dev "$packaging/build-command.sh" "$arch" "$command"
fi
printf '#!/bin/sh\nexec %s %s "$@"\n' "$bin/run" "$(realpath "$command")" > "$built/maintenancectl"
chmod 755 "$built/maintenancectl"

# The unit tests of what decides, as programs of that architecture.
if [ $# -eq 0 ]; then
    name=$(echo "$target" | tr 'a-z-' 'A-Z_')
    env "CARGO_TARGET_${name}_RUNNER=$bin/run" VERB=test PROFILE=dev \
        "$packaging/zigbuild.sh" "$arch" "" --package maintenance_core > /dev/null
fi

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # one word each
    set -- --exact $(awk -v arch="$arch" '
        /^#/ || NF == 0 { next }
        NF == 1 || index($2, arch) { print "--skip " $1 }' "$packaging/../tests/arch/skip")
fi
export MAINTENANCE_APXS="$bin/apxs" MAINTENANCE_MODULE="$module"
export MAINTENANCE_PANIC_MODULE="$panics" MAINTENANCECTL="$built/maintenancectl"
export MAINTENANCE_CC="$tools/zig/bin/python -m ziglang cc -target $zig"
MAINTENANCE_FAKETIME=$(find "$root/usr/lib" -name libfaketimeMT.so.1)
export MAINTENANCE_FAKETIME
"${CARGO:-cargo}" test --locked --features provoke-panic --test httpd -- "$@"
