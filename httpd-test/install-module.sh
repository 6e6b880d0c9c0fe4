#!/bin/sh
# Installs the module given as $1 where apxs says that httpd's modules are, or removes it from there:
#     install-module.sh FILE
#     install-module.sh --uninstall
# DESTDIR is put in front of every path.
set -eu

apxs=${APXS:-$(command -v apxs || command -v apxs2 || echo /opt/IBM/HTTPServer/bin/apxs)}
if ! command -v "$apxs" >/dev/null; then
    echo "There is no apxs to ask where httpd has its modules. Copy $1 there as mod_maintenance.so," \
        "or remove that file." >&2
    exit 1
fi
modules=$("$apxs" -q LIBEXECDIR)
config=$("$apxs" -q SYSCONFDIR)
load="LoadModule maintenance_module $modules/mod_maintenance.so"
installed=${DESTDIR-}$modules/mod_maintenance.so
available=${DESTDIR-}$config/mods-available
sample=$(dirname "$0")/maintenance.conf

# The lines of httpd's configuration that begin with $1, each with its file and number. The links of
# mods-enabled are followed, and mods-available, which counts only if a link leads there, is not.
lines() {
    [ -d "${DESTDIR-}$config" ] || return 0
    grep -RinE --exclude-dir=mods-available "^[[:space:]]*($1)" "${DESTDIR-}$config" || true
}

if [ "$1" = --uninstall ]; then
    loads=$(lines "LoadModule[[:space:]]+maintenance_module[[:space:]]")
    if [ -n "$loads" ]; then
        echo "httpd would not start without $installed, which its configuration loads:" >&2
        echo "$loads" >&2
        if [ -d "${DESTDIR-}$config/mods-enabled" ]; then
            echo "First run: a2dismod maintenance && apachectl configtest && apachectl restart" >&2
        else
            echo "First remove this line and restart httpd." >&2
        fi
        exit 1
    fi
    rm -f "$installed" "$available/maintenance.load"
    echo "Removed $installed"
    # Keeps what an administrator has edited.
    if cmp -s "$sample" "$available/maintenance.conf"; then
        rm "$available/maintenance.conf"
    elif [ -e "$available/maintenance.conf" ]; then
        echo "Kept $available/maintenance.conf, which was edited; remove it if you do not need it."
    fi
    left=$(lines "Maintenance[a-z]+[[:space:]]|SetHandler[[:space:]]+\"?maintenance-status|LogLevel[[:space:]].*maintenance:")
    if [ -n "$left" ]; then
        echo "Now remove what is left of the module in httpd's configuration, and check it with apachectl -t:"
        echo "$left"
    fi
    exit 0
fi

install -d "${DESTDIR-}$modules"
install -m 644 "$1" "$installed"
echo "Installed $installed"

if [ -d "$config/mods-available" ]; then
    install -d "$available"
    echo "$load" > "$available/maintenance.load"
    # Never overwrites what an administrator has edited.
    [ -e "$available/maintenance.conf" ] || install -m 644 "$sample" "$available"
    echo "Installed $available/maintenance.load and maintenance.conf"
    [ -z "${DESTDIR-}" ] || exit 0
    echo "Now run: a2enmod maintenance && apachectl configtest && apachectl graceful"
else
    echo "Now add this line to httpd.conf, in front of the WebSphere plug-in, and restart once:"
    echo "    $load"
fi
