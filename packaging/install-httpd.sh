#!/bin/sh
# Builds the httpd of version $1, which no distribution has any more (or yet), into the folder $2.
# Its bin/apxs and bin/httpd can be used like those of a distribution. Takes minutes, once.
set -eu

# The sources, httpd's with APR, APR-Util and PCRE of the same time, are those of a Python package.
case $1 in
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
