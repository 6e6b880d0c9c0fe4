#!/bin/sh
# Carries out the Dockerfile for the official httpd image that docs/containers.md has, in a root file system
# of Debian (SUITE) with the httpd of the folder $2 in /usr/local/apache2, with the release in the folder
# $1. Then: open, closed by a flag in a mounted folder, the readiness probe, what the output says. Needs
# root and debootstrap; no container engine has to be there, and none is tried.
set -eu

. "$(dirname "$0")/target.sh"
release=$(realpath "$1")
built=$(realpath "$2")
page=$packaging/../docs/containers.md
work=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-container.XXXXXX")
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"

# The n-th block of a kind.
block() {
    awk -v kind="\`\`\`$1" -v wanted="$2" '
        $0 == kind { count++; inside = count == wanted; next }
        /^```/ { inside = 0 }
        inside' "$page"
}

# The image: Debian, httpd in its own folder, its log on the standard error stream.
debootstrap --variant=minbase --include=curl,libexpat1 "${SUITE:-trixie}" "$root" > "$work/log" ||
    { tail "$work/log" >&2; exit 1; }
mkdir -p "$root/usr/local/apache2"
cp -a "$built/." "$root/usr/local/apache2"
sed -i "s|$built|/usr/local/apache2|g" "$root/usr/local/apache2/bin/httpd"
ln -s ../apache2/bin/httpd "$root/usr/local/bin/httpd"
mkdir -p "$root/usr/local/apache2/conf/extra" "$root/usr/local/apache2/htdocs" "$root/usr/local/apache2/logs"
sed -i 's|exec .*|exec /usr/local/apache2/bin/httpd.bin -d /usr/local/apache2 -f conf/httpd.conf "$@"|' \
    "$root/usr/local/apache2/bin/httpd"
{
    printf 'ServerRoot /usr/local/apache2\nServerName localhost\nListen 80\nErrorLog /proc/self/fd/2\n'
    for name in mpm_event unixd authz_core dir; do
        [ ! -e "$built/modules/mod_$name.so" ] || echo "LoadModule ${name}_module modules/mod_$name.so"
    done
    printf 'User www-data\nGroup www-data\nDocumentRoot /usr/local/apache2/htdocs\n'
} > "$root/usr/local/apache2/conf/httpd.conf"
echo "It works!" > "$root/usr/local/apache2/htdocs/index.html"

# The context of the build.
mkdir -p "$work/context/release"
cp "$release"/*.tar.gz "$work/context/release"
block apache 1 > "$work/context/maintenance.conf"
block dockerfile 1 | sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' > "$work/Dockerfile"
mount --bind /proc "$root/proc"
trap 'umount "$root/proc"; rm -rf --one-file-system "$work"' EXIT
while read -r verb words; do
    case $verb in
        COPY)
            target=$root${words##* }
            case $target in */) mkdir -p "$target" ;; esac
            (cd "$work/context" && eval "cp ${words% *} \"$target\"")
            ;;
        RUN) chroot "$root" /bin/sh -euc "$words" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; } ;;
        FROM | '#') ;;
        *) echo "an instruction that is not known here: $verb" >&2; exit 1 ;;
    esac
    [ "$verb" = "#" ] || echo "- $verb $words" | cut -c -100
done < "$work/Dockerfile"
umount "$root/proc"
trap 'rm -rf --one-file-system "$work"' EXIT

# The container: the flag's folder is mounted from the host, read-only.
mkdir "$work/host"
cat > "$root/inside" <<'EOF'
fail() { echo "The container failed: $1" >&2; cat /output >&2; exit 1; }
status() {
    got=
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        got=$(curl -s -o /page -w '%{http_code}' --interface "$1" "http://127.0.0.1$2") && break
        sleep 1
    done
    [ "$got" = "$3" ] || fail "$2: status $got instead of $3"
}
httpd -DFOREGROUND 2> /output > /output &
status 127.0.0.2 / 200
status 127.0.0.2 /healthz 404
echo closed > /ask && read -r done < /answer
status 127.0.0.2 / 500
grep -q 'Down for maintenance' /page || fail "the page is another one"
status 127.0.0.1 / 200
status 127.0.0.2 /healthz 200
maintenancectl check /var/lib/maintenance/maintenance.flag > /said || fail "maintenancectl"
echo open > /ask && read -r done < /answer
status 127.0.0.2 / 200
grep -q 'closed by the flag /var/lib/maintenance/maintenance.flag' /output || fail "the output does not say so"
EOF
mkfifo "$root/ask" "$root/answer"
unshare --net --pid --mount --fork --kill-child sh -euc "
    ip link set lo up
    mount -t proc proc '$root/proc'
    mount -t tmpfs tmpfs '$root/dev'
    mknod -m 666 '$root/dev/null' c 1 3
    mknod -m 666 '$root/dev/urandom' c 1 9
    mount --bind '$work/host' '$root/var/lib/maintenance'
    mount -o remount,bind,ro '$root/var/lib/maintenance'
    { while read -r turn < '$root/ask'; do
        case \$turn in
            closed) touch '$work/host/maintenance.flag' ;;
            open) rm '$work/host/maintenance.flag' ;;
        esac
        echo done > '$root/answer'
    done; } &
    chroot '$root' /bin/sh -eu /inside"
echo "- open; closed by a flag in the mounted folder, with the page, the allowlist and the probe; open again"
