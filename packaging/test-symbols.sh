#!/bin/sh
# A core dump of a server with the module $1, which is released without symbols, has to show names, files
# and lines with the debug symbols in the folder $2, as a package installs them. The server is that of the
# folder $3. Needs gdb, which also provokes the crash: in the module's hook, at a request.
set -eu

module=$(realpath "$1")
symbols=$(realpath "$2")/usr/lib/debug
httpd=$(realpath "$3")
root=$(mktemp -d "${TMPDIR:-/tmp}/maintenance-symbols.XXXXXX")
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT TERM

mkdir "$root/logs" "$root/htdocs"
{
    printf 'ServerRoot %s\nServerName localhost\nListen 127.0.0.1:%s\nPidFile logs/pid\n' "$root" "${PORT:-8089}"
    for name in mpm_prefork unixd authz_core; do
        [ ! -e "$httpd/modules/mod_$name.so" ] ||
            echo "LoadModule ${name}_module $httpd/modules/mod_$name.so"
    done
    printf 'ErrorLog logs/error_log\nDocumentRoot htdocs\nUser nobody\nGroup nogroup\nLoadModule maintenance_module %s\n' \
        "$module"
} > "$root/httpd.conf"

server() { LD_LIBRARY_PATH=$httpd/lib "$@"; }
! readelf --sections "$module" | grep -q '\.debug_\|\.symtab' || {
    echo "$module has its symbols itself" >&2
    exit 1
}
(
    until [ -e "$root/logs/pid" ]; do sleep 0.2; done
    curl -s -o /dev/null --retry 5 --retry-connrefused --max-time 60 "http://127.0.0.1:${PORT:-8089}/" || :
) &
server gdb -batch -nx -ex "set debug-file-directory $symbols" -ex "set breakpoint pending on" \
    -ex "break mod_maintenance::hooks::quick_handler" -ex run -ex "generate-core-file $root/core" \
    -ex "signal SIGSEGV" --args "$httpd/bin/httpd.bin" -X -d "$root" -f "$root/httpd.conf" > "$root/log" 2>&1
wait
grep -q 'Program terminated with signal SIGSEGV' "$root/log" || { cat "$root/log" >&2; exit 1; }

# The recipe of docs/troubleshooting.md.
server gdb -batch -nx -iex "set debug-file-directory $symbols" -ex backtrace "$httpd/bin/httpd.bin" "$root/core" \
    > "$root/backtrace" 2>&1
grep -q '^#[0-9]* .*mod_maintenance::hooks::quick_handler .*at src/hooks.rs:[0-9]' "$root/backtrace" ||
    { cat "$root/log" "$root/backtrace" >&2; exit 1; }
grep '^#' "$root/backtrace" | sort -u -t ' ' -k 1,1 -V | grep ' at src/' | sed 's/^/    /'
echo "$module: the backtrace of a core dump has names, files and lines"
