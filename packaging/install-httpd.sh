#!/bin/sh
# Builds the httpd of version $1, which no distribution has any more (or yet), into the folder $2.
# Its bin/apxs and bin/httpd can be used like those of a distribution. Takes minutes, once. 2.2.34-i686
# is one of 32 bits on a machine of 64; MPM is the one of an httpd 2.2.
set -eu

# Builds httpd 2.2 from its own release, which is the last one: of the folder HTTPD_SOURCES, or of
# Apache's archive.
install_2_2() {
    version=${1%%-*}
    target=$(realpath -m "$2")
    archive=httpd-$version.tar.bz2
    mkdir -p "$target.build"
    if [ -n "${HTTPD_SOURCES-}" ]; then
        cp "$HTTPD_SOURCES/$archive" "$target.build"
    elif curl -fsSL -o "$target.build/$archive" "https://archive.apache.org/dist/httpd/$archive"; then
        (cd "$target.build" && echo "$sum  $archive" | sha256sum -c --quiet)
    else
        rm -rf "$target.build"
        echo "httpd $version cannot be fetched from archive.apache.org. Put $archive in a folder and" \
            "set HTTPD_SOURCES to it, or leave httpd 2.2 out: make dist HTTPD=2.4" >&2
        exit 1
    fi
    tar -C "$target.build" -xjf "$target.build/$archive"
    flags=
    case $1 in
        *-i?86)
            export CC="gcc -m32"
            # Nothing calls crypt, and a machine of 64 bits has no libcrypt of 32 bits to link with.
            flags=EXTRA_LDFLAGS=-Wl,--unresolved-symbols=ignore-all
            ;;
    esac
    if ! (cd "$target.build/httpd-$version" && export CFLAGS=-O1 &&
        ./configure --prefix="$target" --with-included-apr --with-expat=builtin --with-mpm="${MPM:-worker}" \
            --enable-mods-shared=most --disable-ssl --disable-ldap --disable-dbd --without-sqlite3 --without-sqlite2 \
            --without-berkeley-db --without-pgsql --without-mysql --without-oracle --without-freetds \
            --without-odbc &&
        make -j"$(nproc)" ${flags:+"$flags"} && make ${flags:+"$flags"} install) > "$target.log" 2>&1; then
        echo "httpd $version could not be built; $target.log says why" >&2
        exit 1
    fi
    rm -rf "$target.build" "$target.log"
    echo "Installed httpd $1 in $2"
}

# The other sources, httpd's with APR, APR-Util and PCRE of the same time, are those of a Python package.
case $1 in
    2.2.34 | 2.2.34-*)
        [ ! -x "$2/bin/httpd" ] || exit 0
        sum=e53183d5dfac5740d768b4c9bea193b1099f4b06b57e5f28d7caaf9ea7498160
        install_2_2 "$1" "$2"
        exit 0
        ;;
    2.4.12) release=2.4.12.6 ;; # the level of IBM HTTP Server 9.0
    2.4.69) release=2.4.69.1 ;;
    *)
        echo "There is no package known with httpd $1" >&2
        exit 1
        ;;
esac
[ ! -x "$2/bin/httpd" ] || exit 0

mkdir -p "$(dirname "$2")"
target=$(realpath -m "$2")
build=$target.build
rm -rf "$target" "$build"

python3 -m venv "$build"
# An httpd with OpenSSL would ask for its headers, and no test needs it.
if ! ac_cv_openssl=no MAKEFLAGS="-j$(nproc)" "$build/bin/pip" install --no-deps --log "$build/log" \
    --quiet "mod_wsgi-httpd==$release"; then
    echo "httpd $1 could not be built; $build/log says why" >&2
    exit 1
fi
installed=$(echo "$build"/lib/python3*/site-packages/mod_wsgi_packages/httpd)

# What was written for the folder that it was built in has to hold for the one that it is in.
# shellcheck disable=SC2016 # it is Perl's variable
built=$(sed -n 's|^my $installbuilddir = "\(.*\)/build";|\1|p' "$installed/bin/apxs")
grep -rlIF -e "$built" -e "\${mod_wsgi_httpd_prefix}" "$installed" | while read -r file; do
    sed -i -e "s|$built|$target|g" -e "s|\${mod_wsgi_httpd_prefix}|$target|g" "$file"
done
mv "$installed/bin/httpd" "$installed/bin/httpd.bin"
cat > "$installed/bin/httpd" <<EOF
#!/bin/sh
# The program looks for its libraries where it was built.
LD_LIBRARY_PATH=$target/lib exec $target/bin/httpd.bin "\$@"
EOF
chmod 755 "$installed/bin/httpd"

mv "$installed" "$target"
rm -rf "$build"
echo "Installed httpd $1 in $2"
