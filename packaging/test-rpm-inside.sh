# The part of test-rpm.sh that runs in the new root. test-rpm.sh sets config, server and package, and
# runs rpm when it is asked to.
export LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin

conf=$config/conf.d/maintenance.conf
flag=/var/lib/maintenance/maintenance.flag

say() { echo "- $*"; }
fail() {
    echo "The package failed: $1" >&2
    tail -n 20 /said "/var/log/$server/error_log" >&2 || :
    exit 1
}
run() { "$@" > /said 2>&1 || fail "$*"; }
rpm() {
    echo "$1" > /ask
    read -r answer < /answer
    [ "$answer" = good ] || fail "rpm $1"
}
# Has a request from address $1 the status $2?
status() {
    got=
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        got=$(curl -s -o /page -w '%{http_code}' --interface "$1" http://127.0.0.1/) && break
        sleep 0.5
    done
    [ "$got" = "$2" ] || fail "status $got instead of $2"
}
restart() {
    run httpd -t
    kill -HUP "$(cat "/run/$server/httpd.pid")"
    sleep 1
}
mapped() { grep -o '/usr/lib64/.*mod_maintenance.so.*' "/proc/$(cat "/run/$server/httpd.pid")/maps" | sort -u; }
left() { find / -xdev -name '*maintenance*' ! -path '/tmp/*'; }

run httpd -t
run httpd
status 127.0.0.2 200

rpm old
grep -q 'mod_maintenance is loaded when the server is restarted' /said || fail "it does not say what to do"
grep -q "systemctl restart $server" /said || fail "it does not say what to do"
status 127.0.0.2 200
[ -z "$(mapped)" ] || fail "the server was restarted"
[ -d /var/lib/maintenance ] || fail "the folder of the flag is missing"
say "installed: it says what to do, the server runs on"

restart
status 127.0.0.2 200
touch $flag
status 127.0.0.2 500
rm $flag
status 127.0.0.2 200
run maintenancectl close
status 127.0.0.2 500
run maintenancectl open
status 127.0.0.2 200
say "restarted: open, closed, open again, and the same with maintenancectl and its settings"

echo "MaintenanceAllow 127.0.0.1" >> "$conf"
restart
touch $flag
rpm new
grep -q 'uses the new mod_maintenance when it is restarted' /said || fail "it does not say what to do"
grep -q '^MaintenanceAllow 127.0.0.1$' "$conf" || fail "the edited $conf is lost"
mapped | grep -q deleted || fail "the server was restarted: $(mapped)"
status 127.0.0.1 200
status 127.0.0.2 500
restart
[ "$(mapped | grep -c .)" = 1 ] && ! mapped | grep -q deleted || fail "the old module runs: $(mapped)"
status 127.0.0.1 200
status 127.0.0.2 500
say "upgraded: the server runs on, still closed, and has the new module after a restart; the edited" \
    "maintenance.conf is kept"

rpm old
restart
status 127.0.0.2 500
say "rolled back: the same"

rpm erase
grep -q 'runs without mod_maintenance when it is restarted' /said || fail "it does not say what to do"
status 127.0.0.2 500
restart
status 127.0.0.2 200
[ "$(left | LC_ALL=C sort | paste -sd ' ')" = "$conf.rpmsave /var/lib/maintenance $flag" ] ||
    fail "left: $(left)"
say "erased: open after a restart; what was edited is left as maintenance.conf.rpmsave, and the flag"

rm -r "$conf.rpmsave" /var/lib/maintenance
rpm old
rpm erase
[ -z "$(left)" ] || fail "left behind: $(left)"
run httpd -t
say "installed and erased as it was: no file is left"
