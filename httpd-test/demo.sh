#!/bin/sh
# Starts a real httpd on loopback with the module $1, and shows the night in short with the command $2.
# On a terminal it then keeps running until Ctrl-C.
set -eu

module=$(realpath "$1")
maintenancectl=$(realpath "$2")
here=$(realpath "$(dirname "$0")")
apxs=${APXS:-$(command -v apxs || command -v apxs2)}
httpd=$("$apxs" -q SBINDIR)/$("$apxs" -q PROGNAME)
port=${PORT:-8089}
site=http://127.0.0.1:$port/

root=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-demo.XXXXXX")
chmod 755 "$root"
mkdir "$root/logs" "$root/htdocs"
echo "The application: all is well." > "$root/htdocs/index.html"
# httpd 2.2 has no Define, but takes ${NAME} from the environment, like httpd 2.4.
export ROOT="$root" ADDRESS=127.0.0.1 PORT="$port" MPM="${MPM:-event}" MAINTENANCE_MODULE="$module"
MODULES=$("$apxs" -q LIBEXECDIR)
export MODULES
defines=-DDEMO
require="Require all granted"
case $("$httpd" -v) in
    *Apache/2.2.* | *IBM_HTTP_Server/[78].*)
        defines=-DHTTPD_2_2
        require="Satisfy any"
        ;;
esac
if [ "$(id -u)" -eq 0 ]; then
    HTTPD_USER=$(getent passwd www-data apache | head -n 1 | cut -d: -f1)
    export HTTPD_USER HTTPD_GROUP="$HTTPD_USER"
    defines="$defines -DHTTPD_USER"
fi
{
    echo "Include \"$here/base.conf\""
    echo "MaintenanceAllow 127.0.0.2 file=$root/allow.txt"
    printf '<Location /maintenance-status>\nSetHandler maintenance-status\n%s\n</Location>\n' "$require"
} > "$root/httpd.conf"
echo "# nobody yet" > "$root/allow.txt"
cat > "$root/maintenancectl.toml" << EOF
flag = "maintenance.flag"
allow = "allow.txt"

[[server]]
name = "web1"
status = "${site}maintenance-status"
EOF

# A process group of its own, because prefork signals its whole group when it stops.
# shellcheck disable=SC2086 # one word each
setsid "$httpd" -d "$root" -f httpd.conf $defines -DFOREGROUND > "$root/logs/stderr" 2>&1 &
pid=$!
finish() {
    kill "$pid" 2>/dev/null || :
    wait "$pid" 2>/dev/null || :
    rm -rf "$root"
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
    echo "The demo failed: $1" >&2
    cat "$root/logs/stderr" "$root/logs/error_log" >&2 || :
    exit 1
}

tries=0
until curl -s -o "$root/answer" "$site"; do
    tries=$((tries + 1))
    kill -0 "$pid" 2>/dev/null || fail "httpd did not start (is port $port taken? try PORT=8090)"
    [ "$tries" -lt 100 ] || fail "httpd does not answer"
    sleep 0.1
done

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[ -t 1 ] || say() { printf '\n%s\n' "$1"; }

# Shows a request from address $1, whose status has to be $2 and whose body has to contain $3.
request() {
    echo "\$ curl -i --interface $1 $site"
    curl -s -i --interface "$1" "$site" | tr -d '\r' > "$root/answer"
    sed -n '1p; /^Retry-After/p; /^Cache-Control/p; /<title>/p; $p' "$root/answer" | sed 's/^/    /'
    grep -q "^HTTP/1.1 $2 " "$root/answer" || fail "expected status $2"
    grep -q "$3" "$root/answer" || fail "expected \"$3\" in the answer"
}

# Runs maintenancectl, which has to end with exit code $1.
ctl() {
    expected=$1
    shift
    code=0
    shown=maintenancectl
    for word in "$@"; do
        case $word in *[!A-Za-z0-9.:/+=_-]*) shown="$shown \"$word\"" ;; *) shown="$shown $word" ;; esac
    done
    echo "\$ $shown"
    "$maintenancectl" --config "$root/maintenancectl.toml" "$@" > "$root/said" 2>&1 || code=$?
    grep -v "PrivateTmp" "$root/said" | sed 's/^/    /'
    [ "$code" -eq "$expected" ] || fail "expected exit code $expected and not $code"
}

say "Open: everybody gets the application"
request 127.0.0.1 200 "all is well"

say "Days before: announce it. The site stays open, and closes by itself at the start"
ctl 0 announce --start +1h --end +2h -m "en=Back with version 8." -m "de=Bald mit Version 8."
ctl 0 is-open

say "Who will pass while it is closed?"
ctl 1 explain --client 127.0.0.1

say "Close, and wait until nothing from before is running; then the application can be stopped"
ctl 0 close --wait
request 127.0.0.1 500 "Down for maintenance"

say "Programs get the page as JSON"
echo "\$ curl -H 'Accept: application/json' $site"
curl -s -H 'Accept: application/json' "$site" > "$root/answer"
sed 's/^/    /' "$root/answer"
echo
grep -q '"detail":"Back with version 8."' "$root/answer" || fail "expected the message"

say "This client is on the allowlist (MaintenanceAllow 127.0.0.2); let another one in for two hours"
request 127.0.0.2 200 "all is well"
ctl 0 allow 127.0.0.3 --for 2h
sleep 1
request 127.0.0.3 200 "all is well"

say "What is going on?"
ctl 0 status

say "Open again"
ctl 0 open
request 127.0.0.1 200 "all is well"

say "It is a file, and no more: touch and rm do the same"
echo "\$ touch $root/maintenance.flag"
touch "$root/maintenance.flag"
request 127.0.0.1 500 "Down for maintenance"
echo "\$ rm $root/maintenance.flag"
rm "$root/maintenance.flag"
request 127.0.0.1 200 "all is well"

say "What the error log says"
grep maintenance: "$root/logs/error_log" | sed 's/^/    /'

if [ -t 0 ] && [ -t 1 ]; then
    say "Try it yourself: $site is up until you press Ctrl-C"
    echo "    touch $root/maintenance.flag"
    echo "    rm $root/maintenance.flag"
    wait "$pid"
fi
