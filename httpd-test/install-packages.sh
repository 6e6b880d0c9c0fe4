#!/bin/sh
# Installs the Debian/Ubuntu packages named on the command line that are not there yet.
# Nothing is started on port 80, now or with the machine: apache2-bin is httpd and its modules without
# a service, and the services of other packages are off.
set -eu

missing=
for package in "$@"; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || :) in
        *"ok installed") ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "These packages (by their Debian names) are needed:$missing" >&2
    echo "There is no apt-get here; install them with your system's package manager." >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root="sudo"
    else
        echo "Packages are missing, and this is neither root nor able to use sudo. Run as root:" >&2
        echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
        exit 1
    fi
fi

# Packages start their services unless a policy forbids it (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
forbid_services() {
    [ ! -e "$policy" ] || return 0
    trap '$as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
}

# Nor are they to be started with the machine.
disable_services() {
    command -v systemctl >/dev/null || return 0
    # shellcheck disable=SC2086 # one word a package
    for unit in $(dpkg-query -L $missing | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p'); do
        $as_root systemctl disable "$unit"
    done
}

echo "Installing$missing"
# Where another program installs packages, too, such as the daily updates, waits for it.
wait="-o DPkg::Lock::Timeout=${APT_TIMEOUT:-600}"
# shellcheck disable=SC2086 # two words
$as_root apt-get $wait update -q
forbid_services
# shellcheck disable=SC2086 # one word a package
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get $wait install -q -y --no-install-recommends $missing
disable_services
