#!/bin/sh
# Installs the RPM package of the layout $1 (rhel or suse) that lies in the folder $3 in a root laid out
# as that distribution's, with the httpd in the folder $2, upgrades it to the one in the folder $4 and
# erases it, with a running server all the while. Needs root and debootstrap.
set -eu

. "$(dirname "$0")/target.sh"
layout=$1
built=$(realpath "$2")
choose "$(uname -m)" 2.4
case $layout in
    rhel) package=mod_maintenance server=httpd config=etc/httpd modules=usr/lib64/httpd/modules user=apache ;;
    suse) package=apache2-mod_maintenance server=apache2 config=etc/apache2 modules=usr/lib64/apache2 user=wwwrun ;;
esac
old=$(realpath "$3/$package-$(version)-1.$arch.rpm")
new=$(realpath "$4/$package-999.0-1.$arch.rpm")

work=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-rpm.XXXXXX")
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"

# A shell, a C library and curl: the rest of the distribution plays no part.
debootstrap --variant=minbase --include=curl,libexpat1 "${SUITE:-bookworm}" "$root" > "$work/log" ||
    { tail "$work/log" >&2; exit 1; }
chroot "$root" useradd --system --no-create-home "$user"

# httpd as the distribution has it: folders, names, and what is included in which order.
mkdir -p "$root/$config/conf.d" "$root/$modules" "$root/usr/sbin" "$root/usr/lib64/$server-lib" \
    "$root/var/www/html" "$root/var/log/$server" "$root/run/$server"
cp "$built"/modules/*.so "$root/$modules"
cp -P "$built"/lib/*.so* "$root/usr/lib64/$server-lib"
cp "$built/bin/httpd.bin" "$root/usr/sbin/httpd.bin"
cat > "$root/usr/sbin/httpd" <<EOF
#!/bin/sh
LD_LIBRARY_PATH=/usr/lib64/$server-lib exec /usr/sbin/httpd.bin -d /$config -f /$config/httpd.conf "\$@"
EOF
chmod 755 "$root/usr/sbin/httpd"
ln -s "/$modules" "$root/$config/modules"
{
    printf 'ServerRoot /%s\nServerName localhost\nListen 80\nPidFile /run/%s/httpd.pid\n' "$config" "$server"
    printf 'DefaultRuntimeDir /run/%s\nErrorLog /var/log/%s/error_log\n' "$server" "$server"
    if [ "$layout" = rhel ]; then
        mkdir "$root/$config/conf.modules.d"
        conf=$root/$config/conf.modules.d/00-base.conf
        echo "Include conf.modules.d/*.conf"
    else
        mkdir "$root/$config/sysconfig.d"
        conf=$root/$config/sysconfig.d/loadmodule.conf
        echo "Include /etc/apache2/sysconfig.d/loadmodule.conf"
    fi
    for name in mpm_event unixd authz_core dir; do
        [ ! -e "$built/modules/mod_$name.so" ] ||
            echo "LoadModule ${name}_module /$modules/mod_$name.so" >> "$conf"
    done
    printf 'User %s\nGroup %s\nDocumentRoot /var/www/html\n<Directory />\nRequire all granted\n</Directory>\n' \
        "$user" "$user"
    echo "IncludeOptional /$config/conf.d/*.conf"
} > "$root/$config/httpd.conf"
echo hello > "$root/var/www/html/index.html"

# The packages that this one requires, and what they provide: for the C library as rpm itself finds it.
provides=$(for library in libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 "$loader"; do
    find "$root/usr/lib" -name "$library" | head -n 1 | /usr/lib/rpm/elfdeps --provides
done | sort -u | sed 's/^/Provides: /')
cat > "$work/base.spec" <<EOF
Name: $server
Version: 2.4.$(sed -n 's/^#define AP_SERVER_PATCHLEVEL_NUMBER *//p' "$built/include/ap_release.h")
Release: 1
Summary: what the distribution has
License: None
$provides
Provides: /bin/sh
Provides: rtld(GNU_HASH)
Provides: httpd-mmn = 20120211%{__isa_name}%{__isa_bits}
Provides: apache_mmn_20120211
%description
%files
EOF
rpmbuild -bb --quiet --define "_topdir $work" --define "debug_package %{nil}" "$work/base.spec" > "$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
# Debian warns of rpm as a rival of dpkg.
rpm="rpm --root $root --dbpath /var/lib/rpm"
force=
! rpm --help | grep -q force-debian || force=--force-debian
mkdir -p "$root/var/lib/rpm"
$rpm --initdb
$rpm -i $force "$work"/RPMS/*/*.rpm

cat > "$root/inside" <<EOF
config=/$config server=$server package=$package
EOF
cat "$(dirname "$0")/test-rpm-inside.sh" >> "$root/inside"
chmod 755 "$root/inside"

# A network of its own, for it takes port 80, and processes that end with it. rpm comes from here.
mkfifo "$root/ask" "$root/answer"
chmod 600 "$root/ask" "$root/answer"
unshare --net --pid --mount --fork --kill-child sh -euc "
    ip link set lo up
    mount -t proc proc '$root/proc'
    mount -t tmpfs tmpfs '$root/dev'
    mknod -m 666 '$root/dev/null' c 1 3
    mknod -m 666 '$root/dev/urandom' c 1 9
    { while read -r words < '$root/ask'; do
        case \$words in
            old) $rpm -U $force --oldpackage '$old' ;;
            new) $rpm -U $force '$new' ;;
            erase) $rpm -e $force $package ;;
            files) $rpm -ql $package ;;
        esac > '$root/said' 2>&1 && echo good > '$root/answer' || echo bad > '$root/answer'
    done; } &
    chroot '$root' /bin/sh -eu /inside"
