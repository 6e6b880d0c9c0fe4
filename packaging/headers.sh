#!/bin/sh
# Collects the headers of the httpd that a module is built against, for the architecture $1 and the
# series $2 of httpd, and prints their folder.
set -eu

. "$(dirname "$0")/target.sh"
choose "$1" "$2"
source=$tools/httpd-$(base "$httpd")
# An httpd that was built for that architecture, where its APR has other sizes than this machine's.
[ ! -d "$source-$arch" ] || source=$source-$arch
headers=$tools/headers-$arch-$httpd

rm -rf "$headers"
mkdir -p "$headers"
cp "$source"/include/*.h "$headers"
[ ! -d "$source/include/apr-1" ] || cp "$source"/include/apr-1/*.h "$headers"

# The byte order is all that differs in apr.h between architectures with 64 bits (Debian's are a
# witness); c-shim/architecture.c makes sure of it.
big=0
if echo '_Static_assert(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__, "");' |
    "$tools/zig/bin/python" -m ziglang cc -target "$zig" -c -x c - -o "$headers/order.o" 2> /dev/null; then
    big=1
fi
rm -f "$headers/order.o"
sed -i "s/^#define APR_IS_BIGENDIAN.*/#define APR_IS_BIGENDIAN $big/" "$headers/apr.h"
echo "$headers"
