#!/bin/sh
# Installs the Debian package $1 in a root of its own, upgrades it to $2, removes and purges it, with
# a running server all the while. Needs root and debootstrap; SUITE is the Debian to try it in.
set -eu

old=$(realpath "$1")
new=$(realpath "$2")
root=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-deb.XXXXXX")
chmod 755 "$root"
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 130' INT TERM

debootstrap --variant=minbase --include=ca-certificates,curl "${SUITE:-bookworm}" "$root" > "$root.log" ||
    { tail "$root.log" >&2; exit 1; }
rm "$root.log"
# What this machine needs to reach the network.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*proxy*; do
    [ ! -e "$file" ] || cp "$file" "$root/etc/apt/apt.conf.d/"
done
cp "$old" "$root/old.deb"
cp "$new" "$root/new.deb"

# While the network is there, nothing listens on this machine's ports.
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -q -y ./old.deb > "$root/log" 2>&1 ||
    { tail "$root/log" >&2; exit 1; }
# Without a policy and an init system, nothing would be restarted.
printf '#!/bin/sh\nexit 0\n' > "$root/usr/sbin/policy-rc.d"
cp "$(dirname "$0")/test-deb-inside.sh" "$root/inside"

# A network of its own, for it takes port 80, and processes that end with it.
unshare --net --pid --mount --fork --kill-child sh -euc "
    ip link set lo up
    mount -t proc proc '$root/proc'
    exec chroot '$root' /inside"
