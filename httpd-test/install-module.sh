#!/bin/sh
# Installs the module given as $1 where apxs says that httpd's modules are. DESTDIR is put in
# front of every path.
set -eu

apxs=${APXS:-$(command -v apxs || command -v apxs2 || echo /opt/IBM/HTTPServer/bin/apxs)}
if ! command -v "$apxs" >/dev/null; then
    echo "There is no apxs to ask where httpd has its modules. Copy $1 there as mod_maintenance.so." >&2
    exit 1
fi
modules=$("$apxs" -q LIBEXECDIR)
config=$("$apxs" -q SYSCONFDIR)
load="LoadModule maintenance_module $modules/mod_maintenance.so"

install -d "${DESTDIR-}$modules"
install -m 644 "$1" "${DESTDIR-}$modules/mod_maintenance.so"
echo "Installed ${DESTDIR-}$modules/mod_maintenance.so"

available=${DESTDIR-}$config/mods-available
if [ -d "$config/mods-available" ]; then
    install -d "$available"
    echo "$load" > "$available/maintenance.load"
    # Never overwrites what an administrator has edited.
    [ -e "$available/maintenance.conf" ] || install -m 644 "$(dirname "$0")/maintenance.conf" "$available"
    echo "Installed $available/maintenance.load and maintenance.conf"
    [ -z "${DESTDIR-}" ] || exit 0
    echo "Now run: a2enmod maintenance && apachectl configtest && apachectl graceful"
else
    echo "Now add this line to httpd.conf, in front of the WebSphere plug-in, and restart once:"
    echo "    $load"
fi
