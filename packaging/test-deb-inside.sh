#!/bin/sh
# The part of test-deb.sh that runs in the new root, where /old.deb is installed and httpd with it.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

conf=/etc/apache2/mods-available/maintenance.conf
flag=/etc/apache2/maintenance.flag

say() { echo "- $*"; }
fail() {
    echo "The package failed: $1" >&2
    tail -n 20 /log /var/log/apache2/error.log >&2 || :
    exit 1
}
# Runs a command; its output is only of interest where it fails.
run() { "$@" > /log 2>&1 || fail "$*"; }
# Has a request from address $1 the status $2?
status() {
    got=
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        got=$(curl -s -o /answer -w '%{http_code}' --interface "$1" http://127.0.0.1/) && break
        sleep 0.5
    done
    [ "$got" = "$2" ] || fail "status $got instead of $2"
}
running() { cat /run/apache2/apache2.pid; }
mapped() { grep -o '/usr/lib/apache2/modules/mod_maintenance.so.*' "/proc/$(running)/maps" | sort -u; }
enabled() { a2query -q -m maintenance > /dev/null 2>&1; }

! enabled || fail "it is enabled without anybody having said so"
run apache2ctl configtest
run apache2ctl start
status 127.0.0.2 200
say "installed: not enabled, the server starts"

[ -e /usr/share/doc/libapache2-mod-maintenance/docs/night.md ] || fail "the documentation is missing"

run a2enmod maintenance
run apache2ctl configtest
run apache2ctl graceful
sleep 1
status 127.0.0.2 200
touch $flag
status 127.0.0.2 500
rm $flag
status 127.0.0.2 200
run maintenancectl close --flag $flag
status 127.0.0.2 500
run maintenancectl open --flag $flag
status 127.0.0.2 200
say "enabled: open, closed, open again, and the same with maintenancectl"

echo "MaintenanceAllow 127.0.0.1" >> $conf
touch $flag
before=$(running)
run dpkg -i /new.deb
status 127.0.0.1 200
status 127.0.0.2 500
grep -q '^MaintenanceAllow 127.0.0.1$' $conf || fail "the edited $conf is lost"
[ "$(running)" != "$before" ] || fail "the server was not restarted"
[ "$(mapped)" = /usr/lib/apache2/modules/mod_maintenance.so ] || fail "the old module runs: $(mapped)"
say "upgraded to $(dpkg-query -W -f '${Version}' libapache2-mod-maintenance): restarted with the new" \
    "module, still closed, the edited maintenance.conf is kept"

echo "Nonsense" > /etc/apache2/conf-enabled/nonsense.conf
before=$(running)
run dpkg -i /new.deb
[ "$(running)" = "$before" ] || fail "the server was restarted with a broken configuration"
status 127.0.0.2 500
rm /etc/apache2/conf-enabled/nonsense.conf
say "upgraded while the configuration is broken: the server runs on"

run apt-get remove -y libapache2-mod-maintenance
! enabled || fail "still enabled"
run apache2ctl configtest
status 127.0.0.2 200
[ -e $conf ] || fail "the removal took $conf along"
say "removed: disabled, restarted, open, the configuration is kept"

run dpkg -i /new.deb
enabled || fail "not enabled again"
status 127.0.0.1 200
status 127.0.0.2 500
say "installed again: enabled and closed as before"

run a2dismod maintenance
run dpkg -i /new.deb
! enabled || fail "enabled, although the administrator disabled it"
say "upgraded while disabled: not enabled"

rm $flag
run a2enmod maintenance
run apt-get purge -y libapache2-mod-maintenance
left=$(find / -xdev -name '*maintenance*')
[ -z "$left" ] || fail "left behind: $left"
run apache2ctl configtest
status 127.0.0.2 200
say "purged: no file is left, the server runs"
