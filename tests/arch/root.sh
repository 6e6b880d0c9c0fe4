#!/bin/sh
# Lays out Debian's httpd for the architecture $1 in target/roots, and prints the folder of commands
# that run it on this machine: apxs, httpd and run, which runs any program. No kernel has to know the
# architecture (binfmt_misc) and nothing runs in a chroot: the tests are this machine's programs, and
# only what they test is not. Needs debootstrap and qemu-user-static.
set -eu

packaging=$(dirname "$0")/../../packaging
. "$packaging/target.sh"
choose "$1" ""
# Debian has an httpd 2.4 also where only modules for 2.2 are released.
[ "$deb" != - ] || deb=$(echo "$arch" | sed 's/^i[3-6]86$/i386/; s/^x86_64$/amd64/')
root=$(realpath -m "$packaging/../target/roots/$arch")

if [ ! -d "$root" ]; then
    mkdir -p "$(dirname "$root")"
    rm -rf --one-file-system "$root.new"
    # The second stage would run programs of that architecture, and unpacking is all that is needed.
    debootstrap --foreign --variant=minbase --arch="$deb" \
        --include=apache2-bin,apache2-dev,libapache2-mod-jk,libapache2-mod-security2,libfaketime \
        "${SUITE:-bookworm}" "$root.new" >&2
    for package in "$root.new"/var/cache/apt/archives/*.deb; do
        dpkg -x "$package" "$root.new"
    done
    rm -f "$root.new"/var/cache/apt/archives/*.deb
    # qemu would follow a link to /lib to this machine's.
    find "$root.new" -type l -lname '/*' | while read -r link; do
        ln -sfn "$root$(readlink "$link")" "$link"
    done
    mv "$root.new" "$root"
fi

bin=$root/run
libraries=$(dirname "$(find "$root/usr/lib" -name 'libapr-1.so.0' | head -n 1)")
mkdir -p "$bin"
# This machine's processor runs programs of 32 bits itself.
case $(uname -m)/$arch in
    "$arch/$arch" | x86_64/i?86) emulator= ;;
    *) emulator="qemu-$arch-static -L $root" ;;
esac
if [ -z "$emulator" ]; then
    emulator="$(find -L "$root/lib" "$root/lib64" -name "$loader" 2> /dev/null | head -n 1) --library-path $libraries:$root/lib/$(basename "$libraries")"
fi
cat > "$bin/run" <<EOF
#!/bin/sh
exec $emulator "\$@"
EOF
# qemu has no robust mutexes.
cat > "$bin/httpd" <<EOF
#!/bin/sh
exec $emulator $root/usr/sbin/apache2 -C "Mutex fcntl" "\$@"
EOF
cat > "$bin/apxs" <<EOF
#!/bin/sh
case \$2 in
    SBINDIR) echo $bin ;;
    PROGNAME) echo httpd ;;
    LIBEXECDIR) echo $root/usr/lib/apache2/modules ;;
    *) exit 1 ;;
esac
EOF
chmod 755 "$bin"/*
echo "$bin"
