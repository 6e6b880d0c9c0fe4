# What check-binary.sh and check-command.sh have in common. They set `file`, the file that they check,
# and read this with `.`; `finish` ends them.

failed=0

# What $1 says has to be empty; $2 is the complaint.
none() {
    [ -z "$1" ] && return
    echo "$file $2:" >&2
    echo "$1" | sed 's/^/    /' >&2
    failed=1
}

symbols=$(readelf --wide --dyn-syms "$file")
needed=$(readelf --wide --dynamic "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
# Each with its symbol.
versions=$(echo "$symbols" | sed -n 's/.* \([^ ]*@GLIBC_[^ ]*\).*/\1/p')

newer=$(for version in $(echo "$versions" | sed 's/.*@GLIBC_//' | sort -u); do
    [ "$(printf '%s\n2.17\n' "$version" | sort -V | tail -n 1)" = 2.17 ] || echo "$version"
done)
none "$(for version in $newer; do echo "$versions" | grep "@GLIBC_$version\$"; done)" \
    "needs a glibc newer than 2.17"

none "$(echo "$needed" | grep -Ev '^(lib(c|m|pthread|dl|rt)\.so\.[0-9]|ld-linux-x86-64\.so\.2)$')" \
    "needs a library that is not glibc's"

none "$(strings -n 8 "$file" | grep -F -e "$(pwd)/" -e "$HOME/" | head -n 5)" \
    "names folders of this machine"

# Says that all is well, with $1, or ends with an error.
finish() {
    [ "$failed" -eq 0 ] || exit 1
    echo "$file: glibc $(echo "$versions" | sed 's/.*@GLIBC_//' | sort -Vu | tail -n 1) or newer,$1 needs" \
        "$(echo "$needed" | paste -sd ' ')"
}
