#!/bin/sh
# Installs maintenancectl, given as $1, with its manual, its completions and the service of a fleet's
# server, which is not enabled, or removes them:
#     install-command.sh FILE [COMMAND]
#     install-command.sh --uninstall
# COMMAND is the same one for this machine, where FILE is for another architecture: it writes the
# manual. PREFIX is /usr/local unless it is set. ZSH is the folder of zsh's completions below it. DESTDIR is put in front of every path.
set -eu

here=$(dirname "$0")
prefix=${DESTDIR-}${PREFIX:-/usr/local}
case ${PREFIX:-/usr/local} in
    # Where Debian has them.
    /usr) zsh=${ZSH:-share/zsh/vendor-completions} ;;
    *) zsh=${ZSH:-share/zsh/site-functions} ;;
esac
bash=share/bash-completion/completions
fish=share/fish/vendor_completions.d

if [ "$1" = --uninstall ]; then
    for file in bin/maintenancectl $bash/maintenancectl $zsh/_maintenancectl $fish/maintenancectl.fish \
        lib/systemd/system/maintenancectl-follow.service lib/sysusers.d/maintenancectl.conf \
        share/man/man8/maintenancectl.8 share/man/man5/maintenance.flag.5 \
        share/man/man5/maintenancectl.toml.5; do
        rm -f "$prefix/$file"
    done
    echo "Removed $prefix/bin/maintenancectl"
    exit 0
fi

install -d "$prefix/bin" "$prefix/$bash" "$prefix/$zsh" "$prefix/$fish"
install -m 755 "$1" "$prefix/bin/maintenancectl"
umask 022
install -d "$prefix/lib/systemd/system" "$prefix/lib/sysusers.d"
sed "s|/usr/bin|${PREFIX:-/usr/local}/bin|" "$here/maintenancectl-follow.service" \
    > "$prefix/lib/systemd/system/maintenancectl-follow.service"
install -m 644 "$here/maintenancectl.sysusers" "$prefix/lib/sysusers.d/maintenancectl.conf"
command=${2:-$1}
"$command" man --dir "$prefix/share/man"
"$command" completions bash > "$prefix/$bash/maintenancectl"
"$command" completions zsh > "$prefix/$zsh/_maintenancectl"
"$command" completions fish > "$prefix/$fish/maintenancectl.fish"
echo "Installed $prefix/bin/maintenancectl"
