# What check-binary.sh and check-command.sh have in common. They set `file`, the file that they check,
# and `arch` and `httpd`, for which it is, and read this with `.`; `finish` ends them.

. "$(dirname "$0")/target.sh"
choose "$arch" "$httpd"
failed=0

# What $1 says has to be empty; $2 is the complaint.
none() {
    [ -z "$1" ] && return
    echo "$file $2:" >&2
    echo "$1" | sed 's/^/    /' >&2
    failed=1
}

# readelf reads every architecture, which nm does not.
symbols=$(readelf --wide --dyn-syms "$file" | sed 's/\[<[^]]*\]//; s/<OS specific>: [0-9]*//')
needed=$(readelf --wide --dynamic "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
# Each with its symbol.
versions=$(echo "$symbols" | sed -n 's/.* \([^ ]*@GLIBC_[^ ]*\).*/\1/p')
undefined=$(echo "$symbols" | awk '$7 == "UND" && $5 == "GLOBAL" { print $8 }')

# The symbols that the libraries and programs $@ have.
exported() {
    for each; do
        readelf --wide --dyn-syms "$each"
    done | sed 's/\[<[^]]*\]//; s/<OS specific>: [0-9]*//' |
        awk '$1 ~ /^[0-9]+:$/ && $7 != "UND" { sub(/@.*/, "", $8); print $8 }'
}

newer=$(for version in $(echo "$versions" | sed 's/.*@GLIBC_//' | sort -u); do
    [ "$(printf '%s\n%s\n' "$version" "$glibc" | sort -V | tail -n 1)" = "$glibc" ] || echo "$version"
done)
none "$(for version in $newer; do echo "$versions" | grep "@GLIBC_$version\$"; done)" \
    "needs a glibc newer than $glibc"

none "$(echo "$needed" | grep -Ev "^(lib(c|m|pthread|dl|rt)\.so\.[0-9]|$(echo "$loader" | sed 's/\./\\./g'))\$")" \
    "needs a library that is not glibc's"

machine=$(readelf -h "$file" | sed -n 's/ *Class: *\|  *Data: *\| *Machine: *//p' | paste -sd ' ')
none "$([ -n "$machine" ] || echo unknown)" "is not an ELF file"

for each in "$file" "$file.debug"; do
    none "$(strings -n 8 "$each" | grep -F -e "$(pwd)" -e "$HOME/" | head -n 5)" \
        "or its symbols name folders of this machine"
done

build_id() { readelf --notes "$1" | sed -n 's/.*Build ID: //p'; }
none "$([ -n "$(build_id "$file")" ] && [ "$(build_id "$file")" = "$(build_id "$file.debug")" ] || echo "$file.debug")" \
    "has no build ID, or its symbols have another"

# Says that all is well, with $1, or ends with an error.
finish() {
    [ "$failed" -eq 0 ] || exit 1
    echo "$file: $machine, glibc $(echo "$versions" | sed 's/.*@GLIBC_//' | sort -Vu | tail -n 1) or" \
        "newer,$1 needs $(echo "$needed" | paste -sd ' ')"
}
